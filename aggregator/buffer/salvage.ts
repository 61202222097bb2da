// SPDX-License-Identifier: Apache-2.0
/**
 * Takes what can be read out of a damaged file of Deno KV, which is a database of SQLite.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { deserialize } from "node:v8";

const COLUMNS = "k, v, v_encoding, version, seq, expiration_ms";

type Row = Readonly<Record<string, Uint8Array | bigint>>;

/**
 * Copies the rows that can be read from `damaged` into `fresh`, an empty file of Deno KV that nobody has open: from
 * the first key on until the damage, and from the last back to it.
 *
 * @returns how many were copied
 */
export function salvage(damaged: string, fresh: string): number {
  const open = <T extends DatabaseSync>(db: T) => ({ db, [Symbol.dispose]: () => db.close() });
  using to = open(new DatabaseSync(fresh));
  to.db.exec("BEGIN");
  const insert = to.db.prepare(`INSERT OR IGNORE INTO kv (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`);
  let rows = 0;
  try {
    mendHead(damaged, fresh);
    using from = open(new DatabaseSync(damaged));
    for (const order of ["ASC", "DESC"]) {
      const select = from.db.prepare(`SELECT ${COLUMNS} FROM kv ORDER BY k ${order}`);
      select.setReadBigInts(true);
      rows += copy(select, insert);
    }
  } catch {
    // Not even its head can be read.
  }
  // Versions go on from there, so that a check against one that is gone fails.
  to.db.exec("UPDATE data_version SET version = max(version, (SELECT ifnull(max(version), 0) FROM kv))");
  to.db.exec("COMMIT");
  return rows;
}

const PAGE_BYTES = 4096;
const MAGIC = "SQLite format 3\0";
/** A head has the number of pages there, as 32 bits with the highest first. */
const PAGES_AT = 28;

/**
 * Mends the head: without a sound first page, or with fewer pages than that says, SQLite reads nothing of a file: the
 * page is taken from `fresh`, which has the same tables, and missing pages are zeros.
 */
function mendHead(damaged: string, fresh: string): void {
  using file = Deno.openSync(damaged, { read: true, write: true });
  const page = new Uint8Array(PAGE_BYTES);
  file.readSync(page);
  const view = new DataView(page.buffer);
  const pages = Math.ceil(file.statSync().size / PAGE_BYTES);
  if (new TextDecoder("latin1").decode(page.subarray(0, MAGIC.length)) !== MAGIC) {
    using like = Deno.openSync(fresh);
    like.readSync(page);
    view.setUint32(PAGES_AT, pages);
    file.seekSync(0, Deno.SeekMode.Start);
    file.writeSync(page);
  }
  const claimed = view.getUint32(PAGES_AT);
  // Of a damaged number only as much is believed as was lost at most.
  if (claimed > pages && claimed <= 16 * pages) file.truncateSync(claimed * PAGE_BYTES);
}

function copy(select: StatementSync, insert: StatementSync): number {
  let rows = 0;
  try {
    for (const row of select.iterate() as Iterable<Row>) {
      if (!isSound(row)) continue;
      const { changes } = insert.run(
        ...[row["k"]!, row["v"]!, row["v_encoding"]!, row["version"]!, row["seq"]!, row["expiration_ms"]!],
      );
      // The other way round came by here already.
      if (changes === 0) break;
      rows++;
    }
  } catch {
    // Here the damage begins.
  }
  return rows;
}

/** Says, as Deno KV does, how a value is written. */
const Encoding = { v8: 1n, u64: 2n, bytes: 3n } as const;

/** Returns whether Deno KV can read the value: SQLite does not know when a page was overwritten within a row. */
function isSound(row: Row): boolean {
  const [encoding, value] = [row["v_encoding"], row["v"]];
  if (!(value instanceof Uint8Array)) return false;
  if (encoding === Encoding.bytes) return true;
  if (encoding === Encoding.u64) return value.length === 8;
  if (encoding !== Encoding.v8) return false;
  try {
    deserialize(value);
    return true;
  } catch {
    return false;
  }
}
