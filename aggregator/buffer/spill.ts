// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what a buffer in memory holds when the aggregator stops in order, in a file until the next start.
 *
 * @module
 */

import { dirname } from "node:path";
import { exists, moveFiles, removeFiles } from "./kv_files.ts";
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
  if (!await exists(path)) return 0;
  {
    using kv = await openKv(path);
    await buffer.copyFrom(kv.kv);
  }
  removeFiles(path);
  return buffer.staged;
}

async function keepDamaged(path: string): Promise<void> {
  if (!await exists(path)) return;
  let name = `${path}.damaged`;
  for (let i = 2; await exists(name); i++) name = `${path}.damaged.${i}`;
  await moveFiles(path, name);
}

async function openKv(path: string): Promise<{ kv: Deno.Kv } & Disposable> {
  const kv = await Deno.openKv(path);
  return { kv, [Symbol.dispose]: () => kv.close() };
}

/** Waits until SQLite has moved its log into the file: Deno KV returns from closing before. */
async function logMoved(path: string): Promise<void> {
  while (await exists(`${path}-wal`)) await new Promise((resolve) => setTimeout(resolve, 5));
}
