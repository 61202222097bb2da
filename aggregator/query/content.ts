/**
 * Stacks and frames by their hashes.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { type Frame, UNKNOWN_MODULE } from "../../profile/model.ts";

// Merges drop repeated rows, in their own time.
const STACKS = `
SELECT hash, frames
FROM stacks
WHERE hash IN {hashes:Array(UInt64)}
LIMIT 1 BY hash`;

const FRAMES = `
SELECT hash, function, module, file, line, build_id AS buildId, address
FROM frames
WHERE hash IN {hashes:Array(UInt64)}
LIMIT 1 BY hash`;

// The parameters of one request are held as text by both sides: 20 bytes for each hash.
const CHUNK = 50_000;

/** What stands for a frame that storage does not have; a writer that was never interrupted leaves none. */
export const MISSING_FRAME: Frame = {
  function: "unknown",
  module: UNKNOWN_MODULE,
  file: "",
  line: 0,
  buildId: "",
  address: 0,
};

/** The frames of each stack, leaf first, by the stack's hash. Hashes are decimal text. */
export async function fetchStacks(
  client: StorageClient,
  hashes: Iterable<string>,
  signal?: AbortSignal,
): Promise<Map<string, readonly string[]>> {
  type Row = { hash: string; frames: string[] };
  const rows = await fetchByHash<Row>(client, { sql: STACKS, hashes, signal });
  return new Map(rows.map(({ hash, frames }) => [hash, frames]));
}

/** Frames by their hashes, which are decimal text. */
export async function fetchFrames(
  client: StorageClient,
  hashes: Iterable<string>,
  signal?: AbortSignal,
): Promise<Map<string, Frame>> {
  type Row = Omit<Frame, "address"> & { hash: string; address: string };
  const rows = await fetchByHash<Row>(client, { sql: FRAMES, hashes, signal });
  return new Map(rows.map(({ hash, address, ...frame }) => [hash, { ...frame, address: Number(address) }]));
}

async function fetchByHash<Row>(
  client: StorageClient,
  { sql, hashes, signal }: { sql: string; hashes: Iterable<string>; signal: AbortSignal | undefined },
): Promise<Row[]> {
  const all = [...new Set(hashes)];
  const rows: Row[] = [];
  for (let i = 0; i < all.length; i += CHUNK) {
    // Items that are strings would be quoted, and are then no integers.
    const params = { hashes: `[${all.slice(i, i + CHUNK).join()}]` };
    const chunk = await client.rows<Row>(sql, { params, signal });
    for (const row of chunk) rows.push(row);
  }
  return rows;
}
