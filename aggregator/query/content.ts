/**
 * Stacks and frames by their hashes, which are decimal text: JSON numbers cannot hold them.
 *
 * @module
 */

import { type Frame, UNKNOWN_MODULE } from "../../profile/model.ts";
import type { StorageClient } from "../storage/client.ts";

/** Merges drop repeated rows in their own time, hence LIMIT 1 BY. */
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

/** Stacks are several times fewer than their frames, and sending hashes is what takes time here. */
const FRAMES_OF_STACKS = `
SELECT hash, function, module, file, line, build_id AS buildId, address
FROM frames
WHERE hash IN (SELECT arrayJoin(frames) FROM stacks WHERE hash IN {hashes:Array(UInt64)})
LIMIT 1 BY hash`;

/** 21 bytes for each hash in a request that both sides hold as text. */
const CHUNK = 50_000;

/** What stands for a frame that storage does not have; a writer leaves none, whatever interrupts it. */
export const MISSING_FRAME: Frame = {
  function: "unknown",
  module: UNKNOWN_MODULE,
  file: "",
  line: 0,
  buildId: "",
  address: 0,
};

/** The frames of each stack, leaf first, by the stack's hash. */
export async function fetchStacks(
  client: StorageClient,
  hashes: Iterable<string>,
  signal?: AbortSignal,
): Promise<Map<string, readonly string[]>> {
  type Row = { hash: string; frames: string[] };
  const rows = await fetchByHash<Row>(client, { sql: STACKS, hashes, signal });
  return new Map(rows.map(({ hash, frames }) => [hash, frames]));
}

/** Frames by their own hashes. */
export async function fetchFrames(
  client: StorageClient,
  hashes: Iterable<string>,
  signal?: AbortSignal,
): Promise<Map<string, Frame>> {
  return toFrames(await fetchByHash<FrameRow>(client, { sql: FRAMES, hashes, signal }));
}

/** The frames of stacks, by the stacks' hashes. */
export async function fetchFramesOfStacks(
  client: StorageClient,
  hashes: Iterable<string>,
  signal?: AbortSignal,
): Promise<Map<string, Frame>> {
  return toFrames(await fetchByHash<FrameRow>(client, { sql: FRAMES_OF_STACKS, hashes, signal }));
}

type FrameRow = Omit<Frame, "address"> & { readonly hash: string; readonly address: string };

function toFrames(rows: readonly FrameRow[]): Map<string, Frame> {
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
    for (const row of await client.rows<Row>(sql, { params, signal })) rows.push(row);
  }
  return rows;
}
