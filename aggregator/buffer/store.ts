/**
 * Opens the file of the staging buffer, for one process only.
 *
 * @module
 */

import { dirname } from "node:path";

/** The buffer's file cannot be used; the message is for the user. */
export class BufferOpenError extends Error {
  override name = "BufferOpenError";
}

/** An open Deno KV, and the lock that keeps others from it. */
export class Store implements AsyncDisposable {
  readonly kv: Deno.Kv;
  readonly #path: string;
  readonly #lock: Deno.FsFile | undefined;
  #closed = false;

  constructor(kv: Deno.Kv, { path, lock }: { path: string; lock: Deno.FsFile | undefined }) {
    this.kv = kv;
    this.#path = path;
    this.#lock = lock;
  }

  /**
   * Runs the first accesses, which is when damage shows; closes the store when they fail.
   *
   * @throws {BufferOpenError}
   */
  async first(access: () => Promise<void>): Promise<void> {
    try {
      await access();
    } catch (cause) {
      await this[Symbol.asyncDispose]();
      throw cannotOpen(this.#path, cause);
    }
  }

  // deno-lint-ignore require-await -- AsyncDisposable, as closing may come to wait
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.kv.close();
    this.#lock?.close();
  }
}

/**
 * Opens Deno KV at `path`, or in memory for ":memory:".
 *
 * @throws {BufferOpenError}
 */
export async function openStore(path: string): Promise<Store> {
  if (path === ":memory:") return new Store(await Deno.openKv(path), { path, lock: undefined });
  let lock: Deno.FsFile | undefined;
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    // SQLite would let two processes write by turns, and both would flush the same batches.
    lock = await Deno.open(`${path}.lock`, { create: true, write: true });
    if (!await lock.tryLock(true)) throw new Error("another process uses it");
    return new Store(await Deno.openKv(path), { path, lock });
  } catch (cause) {
    lock?.close();
    throw cannotOpen(path, cause);
  }
}

function cannotOpen(path: string, cause: unknown): BufferOpenError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BufferOpenError(`Cannot open the buffer '${path}': ${why}`, { cause });
}
