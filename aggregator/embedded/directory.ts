// SPDX-License-Identifier: Apache-2.0
/**
 * Claims the engine's data directory: one process at a time may use it.
 *
 * @module
 */

import { resolve } from "node:path";

export interface Claim extends Disposable {
  /** The path is absolute. */
  readonly path: string;
}

/**
 * Creates `path` where it is missing and locks it until the claim is disposed of or this process ends.
 *
 * @throws {Error} when it cannot be written or another process has it
 */
export function claimDirectory(path: string): Claim {
  const absolute = resolve(path);
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(absolute, { recursive: true });
    lock = Deno.openSync(`${absolute}/aperture.lock`, { read: true, write: true, create: true });
  } catch (cause) {
    throw new Error(
      `Cannot use the data directory as it cannot be written: ${absolute}: ${(cause as Error).message}`,
      { cause },
    );
  }
  if (!lock.tryLockSync(true)) {
    const holder = new TextDecoder().decode(readHead(lock)).trim() || "unknown";
    lock.close();
    throw new Error(
      `Cannot use the data directory as another process has it: ${absolute}: process ${holder}`,
    );
  }
  lock.truncateSync();
  lock.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return { path: absolute, [Symbol.dispose]: () => lock.close() };
}

function readHead(file: Deno.FsFile): Uint8Array {
  const bytes = new Uint8Array(32);
  return bytes.subarray(0, file.readSync(bytes) ?? 0);
}
