// SPDX-License-Identifier: Apache-2.0
/**
 * Turns what samples refer to into rows: functions, symbols, locations, stacks and series.
 *
 * @module
 */

import { decodeLabels } from "../../profile/labels.ts";
import { processName } from "../../profile/process_name.ts";
import { type ContentHashes, gather, wordsOf } from "./content_hash.ts";
import {
  arrays,
  type Column,
  lowCardinalityArrays,
  numbers,
  stringMaps,
  strings,
  toUint64,
} from "./native.ts";
import { type Part, StringDictionary } from "./part.ts";
import type { WrittenHashes } from "./written_hashes.ts";

/** Lists the tables that a row is sent to once a day, in the order in which they refer to each other. */
export const NAME_TABLES = ["functions", "symbols", "locations", "stacks", "series"] as const;
export type NameTable = (typeof NAME_TABLES)[number];

/** Holds what is remembered of each table that rows are sent to once. */
export type SeenTables = Readonly<Record<NameTable, WrittenHashes>>;
export type NameBlocks = Readonly<Record<NameTable, readonly Column[]>>;

/** Makes the blocks of what `parts` refer to and `seen` does not have. */
export function nameBlocks(parts: readonly Part[], seen: SeenTables): NameBlocks {
  const symbols = unseen(parts, "symbols", seen);
  return {
    functions: functionBlock(unseenFunctions(symbols, seen)),
    symbols: symbolBlock(symbols),
    locations: locationBlock(unseen(parts, "locations", seen)),
    stacks: stackBlock(unseen(parts, "stacks", seen)),
    series: seriesBlock(unseen(parts, "series", seen)),
  };
}

/** Is a row that must be written: of which batch, and which row of it. */
interface Row extends Part {
  readonly hash: bigint;
  readonly row: number;
}

function unseen(
  parts: readonly Part[],
  table: Exclude<NameTable, "functions">,
  { [table]: seen }: SeenTables,
): Row[] {
  const rows: Row[] = [];
  for (const part of parts) {
    const hashes: BigUint64Array = part.hashes[table satisfies keyof ContentHashes];
    const halves = wordsOf(hashes);
    for (let row = 0; row < hashes.length; row++) {
      if (seen.add(halves[2 * row]!, halves[2 * row + 1]!, part.day)) {
        rows.push({ ...part, hash: hashes[row]!, row });
      }
    }
  }
  return rows;
}

/** Returns the functions of `symbols`: those of all others were written with them, as late or later. */
function unseenFunctions(symbols: readonly Row[], { functions: seen }: SeenTables): Row[] {
  const rows: Row[] = [];
  const hash = new BigUint64Array(1);
  const halves = wordsOf(hash);
  for (const symbol of symbols) {
    for (const row of chainOf(symbol)) {
      hash[0] = symbol.hashes.functionOf(row);
      if (seen.add(halves[0]!, halves[1]!, symbol.day)) rows.push({ ...symbol, hash: hash[0], row });
    }
  }
  return rows;
}

/** Returns the frames of a location, the innermost first. */
function chainOf({ hashes: { grouped: { offset, frame } }, row }: Row): Uint32Array {
  return frame.subarray(offset[row], offset[row + 1]);
}

const hashColumn = (name: string, rows: readonly Row[]) =>
  numbers(name, "UInt64", BigUint64Array.from(rows, ({ hash }) => hash));
const dayColumn = (rows: readonly Row[]) => numbers("day", "Date", Uint16Array.from(rows, ({ day }) => day));

function functionBlock(rows: readonly Row[]): Column[] {
  const text = (column: "function" | "module") =>
    rows.map(({ batch, row }) => batch.strings[batch.frames[column][row]!]!);
  return [
    hashColumn("key", rows),
    strings("name", text("function")),
    strings("module", text("module")),
    dayColumn(rows),
  ];
}

function symbolBlock(rows: readonly Row[]): Column[] {
  const chains = rows.map(chainOf);
  let end = 0;
  const ends = BigUint64Array.from(chains, (chain) => BigInt(end += chain.length));
  const keys = new BigUint64Array(end);
  const files = new StringDictionary();
  const file = new Uint32Array(end);
  const line = new Uint32Array(end);
  const startLine = new Uint32Array(end);
  let at = 0;
  rows.forEach(({ batch, hashes }, i) => {
    for (const frame of chains[i]!) {
      keys[at] = hashes.functionOf(frame);
      file[at] = files.of(batch.strings[batch.frames.file[frame]!]!);
      line[at] = batch.frames.line[frame]!;
      startLine[at++] = batch.frames.startLine[frame]!;
    }
  });
  return [
    numbers("location", "UInt64", BigUint64Array.from(rows, ({ hashes, row }) => hashes.locations[row]!)),
    numbers("rank", "UInt8", Uint8Array.from(rows, ({ hashes, row }) => hashes.grouped.rank[row]!)),
    arrays("functions", ends, keys),
    lowCardinalityArrays("files", ends, { values: files.all, items: file }),
    arrays("lines", ends, line),
    arrays("start_lines", ends, startLine),
    dayColumn(rows),
  ];
}

function locationBlock(rows: readonly Row[]): Column[] {
  const outermost = ({ hashes: { grouped: { offset, frame } }, row }: Row) => frame[offset[row + 1]! - 1]!;
  const text = (column: "module" | "buildId") => (each: Row) =>
    each.batch.strings[each.batch.frames[column][outermost(each)]!]!;
  return [
    hashColumn("hash", rows),
    strings("module", rows.map(text("module"))),
    strings("build_id", rows.map(text("buildId"))),
    numbers("address", "UInt64", toUint64(rows.map((each) => each.batch.frames.address[outermost(each)]!))),
    numbers("native", "Bool", Uint8Array.from(rows, ({ hashes, row }) => hashes.grouped.native[row]!)),
    dayColumn(rows),
  ];
}

function stackBlock(rows: readonly Row[]): Column[] {
  const paths = rows.map(({ hashes: { grouped: { stacks: { offset, location } } }, row }) =>
    location.subarray(offset[row], offset[row + 1])
  );
  let end = 0;
  const ends = BigUint64Array.from(paths, (path) => BigInt(end += path.length));
  const items = new BigUint64Array(end);
  let at = 0;
  rows.forEach(({ hashes }, i) => {
    items.set(gather(hashes.locations, paths[i]!), at);
    at += paths[i]!.length;
  });
  return [hashColumn("hash", rows), arrays("locations", ends, items), dayColumn(rows)];
}

function seriesBlock(rows: readonly Row[]): Column[] {
  const labels = ["namespace", "pod", "container", "service", "exe", "comm"] as const;
  return [
    hashColumn("hash", rows),
    strings("node", rows.map(({ batch }) => batch.node)),
    ...labels.map((label) =>
      strings(label, rows.map(({ batch, row }) => batch.strings[batch.series[label][row]!]!))
    ),
    strings(
      "process",
      rows.map(({ batch, row }) => {
        const text = (label: "process" | "exe" | "comm") => batch.strings[batch.series[label][row]!]!;
        return processName({ process: text("process"), exe: text("exe"), comm: text("comm") });
      }),
    ),
    numbers("pid", "UInt32", Uint32Array.from(rows, ({ batch, row }) => batch.series.pid[row]!)),
    stringMaps(
      "labels",
      rows.map(({ batch, row }) => decodeLabels(batch.strings[batch.series.labels[row]!]!)),
    ),
    dayColumn(rows),
  ];
}
