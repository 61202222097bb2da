// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what a buffer in memory holds when the aggregator stops in order, in a file until the next start.
 *
 * @module
 */

import { dirname } from "node:path";
import type { StagingBuffer } from "./staging_buffer.ts";

/**
 * Writes all that `buffer` holds into a file at `path`. One that is there could not be read at the start, and is kept
 * under another name: `PATH.damaged`, or with a number after it.
 *
 * @throws {Error} when it cannot be written whole; then it is not there
 */
export async function writeSpill(buffer: StagingBuffer, path: string): Promise<void> {
  const unfinished = `${path}.unfinished`;
  removeFiles(unfinished);
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    {
      using kv = await openKv(unfinished);
      await buffer.copyTo(kv.kv);
    }
    await logMoved(unfinished);
    await keepDamaged(path);
    await Deno.rename(unfinished, path);
  } catch (error) {
    removeFiles(unfinished);
    throw error;
  }
}

/**
 * Takes what an earlier run left at `path` into `buffer`, which is empty, and removes the file.
 *
 * @returns how many batches that are
 */
export async function takeSpill(buffer: StagingBuffer, path: string): Promise<number> {
  if (!await isThere(path)) return 0;
  {
    using kv = await openKv(path);
    await buffer.copyFrom(kv.kv);
  }
  removeFiles(path);
  return buffer.staged;
}

async function keepDamaged(path: string): Promise<void> {
  if (!await isThere(path)) return;
  let name = `${path}.damaged`;
  for (let i = 2; await isThere(name); i++) name = `${path}.damaged.${i}`;
  for (const end of ENDS) if (await isThere(path + end)) await Deno.rename(path + end, name + end);
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function openKv(path: string): Promise<{ kv: Deno.Kv } & Disposable> {
  const kv = await Deno.openKv(path);
  return { kv, [Symbol.dispose]: () => kv.close() };
}

/** Waits until SQLite has moved its log into the file: Deno KV returns from closing before. */
async function logMoved(path: string): Promise<void> {
  while (await isThere(`${path}-wal`)) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** SQLite's files end in these. */
const ENDS = ["", "-wal", "-shm"];

function removeFiles(path: string): void {
  for (const end of ENDS) {
    try {
      Deno.removeSync(path + end);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
