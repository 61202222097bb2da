// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the file of the staging buffer: for one process only, with room kept for emptying it, and replaced when it is
 * damaged.
 *
 * @module
 */

import { dirname } from "node:path";
import { salvage } from "./salvage.ts";
import { exists, moveFiles, removeFiles, removeIfThere } from "./kv_files.ts";

/** The buffer's file cannot be used; the message is for the user. */
export class BufferOpenError extends Error {
  override name = "BufferOpenError";
}

/**
 * To remove entries writes to the disk, too: SQLite's log grows to 4 MiB before it is moved into the file, which may
 * grow by as much, and moved pages make the log grow again.
 */
const RESERVE_BYTES = 16 * 2 ** 20;

/** Two tries to keep that room are so far apart, in ms: on a full disk each fills what is left of it. */
const RESERVE_PAUSE_MS = 1000;

/** Returns whether an access failed because there is no room on the disk. */
export function isFull(error: unknown): boolean {
  return messageOf(error).includes("database or disk is full") || error instanceof Error &&
      "code" in error && error.code === "ENOSPC";
}

/**
 * Says that the file is not what was written: SQLite's words, of which an I/O error is for a file that became shorter,
 * then Deno KV's for a row whose columns are sound and hold what it never writes.
 */
const DAMAGE =
  /disk image is malformed|file is not a database|disk I\/O error|value encoding -?\d+ is unknown|could not deserialize value/;

/** Returns whether an access failed because the file is not what was written. */
export function isDamaged(error: unknown): boolean {
  return DAMAGE.test(messageOf(error));
}

/** Holds an open Deno KV, and the lock that keeps others from it. */
export class Store implements AsyncDisposable {
  #kv: Deno.Kv;
  readonly path: string;
  readonly #lock: Deno.FsFile | undefined;
  /** Says whether there was a buffer in its place before, which a damaged file may then be. */
  readonly known: boolean;
  #closed = false;
  #reserved: boolean;
  #triedReserve = -Infinity;

  private constructor(
    kv: Deno.Kv,
    { path, lock, known }: { path: string; lock: Deno.FsFile | undefined; known: boolean },
  ) {
    this.#kv = kv;
    this.path = path;
    this.#lock = lock;
    this.known = known;
    this.#reserved = lock === undefined;
  }

  /**
   * Opens Deno KV at `path`, or in memory for ":memory:". A damaged file is replaced, see {@linkcode replace}, but
   * only one that was a buffer's before.
   *
   * @throws {BufferOpenError}
   */
  static async open(path: string): Promise<Store> {
    if (path === ":memory:") {
      return new Store(await Deno.openKv(path), { path, lock: undefined, known: false });
    }
    let lock: Deno.FsFile | undefined;
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      const known = await exists(`${path}.lock`);
      // SQLite would let two processes write by turns, and both would flush the same batches.
      lock = await Deno.open(`${path}.lock`, { create: true, write: true });
      if (!await lock.tryLock(true)) throw new Error("another process uses it");
      return new Store(await openFile(path, known), { path, lock, known });
    } catch (cause) {
      lock?.close();
      throw cannotOpen(path, cause);
    }
  }

  get kv(): Deno.Kv {
    return this.#kv;
  }

  /** Is true when room is kept for emptying the file. */
  get reserved(): boolean {
    return this.#reserved;
  }

  /** Gives the room that was kept to what must be written now; false where there is none. */
  #releaseReserve(): boolean {
    if (!this.#lock || !this.#reserved) return false;
    this.#reserved = false;
    Deno.removeSync(this.#reserve);
    return true;
  }

  /** Runs what empties the file, with the reserve's room where the disk is full. */
  async withReserve(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isFull(error) || !this.#releaseReserve()) throw error;
      await write();
    }
  }

  /** Keeps room again, where the disk has it; says whether there is. */
  keepReserve(): boolean {
    if (this.#reserved) return true;
    const now = performance.now();
    if (now - this.#triedReserve < RESERVE_PAUSE_MS) return false;
    this.#triedReserve = now;
    try {
      const size = statSize(this.#reserve);
      if (size !== RESERVE_BYTES) writeWhole(this.#reserve, RESERVE_BYTES);
      this.#reserved = true;
    } catch {
      removeIfThere(this.#reserve);
    }
    return this.#reserved;
  }

  /**
   * Sets a damaged file aside, as `PATH.damaged`, and begins a new one with what of it can be read. When that is not
   * possible, all stays as it is.
   *
   * @returns how many entries that were
   */
  async replace(): Promise<number> {
    this.#kv.close();
    try {
      return await replaceFile(this.path);
    } finally {
      this.#kv = await Deno.openKv(this.path);
    }
  }

  /**
   * Makes an empty buffer's file small again, with the entries of `prefixes`.
   *
   * @param lifetimeOf says how long an entry is kept from now on, in ms
   */
  async rebuild(
    prefixes: readonly Deno.KvKey[],
    lifetimeOf: (key: Deno.KvKey) => { readonly expireIn?: number },
  ): Promise<void> {
    const kept: Deno.KvEntry<unknown>[] = [];
    for (const prefix of prefixes) kept.push(...await Array.fromAsync(this.#kv.list({ prefix })));
    this.#kv.close();
    removeFiles(this.path);
    this.#kv = await Deno.openKv(this.path);
    for (const { key, value } of kept) await this.#kv.set(key, value, lifetimeOf(key));
  }

  /** Closes the store and explains `cause`, which its first accesses threw. */
  async fail(cause: unknown): Promise<BufferOpenError> {
    await this[Symbol.asyncDispose]();
    return cannotOpen(this.path, cause);
  }

  // deno-lint-ignore require-await -- AsyncDisposable, as closing may come to wait
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#kv.close();
    this.#lock?.close();
  }

  get #reserve(): string {
    return `${this.path}.reserve`;
  }
}

/** Opens the file. Without room on the disk not even that is possible: then the reserve goes first. */
async function openFile(path: string, known: boolean): Promise<Deno.Kv> {
  const open = async () => {
    try {
      return await Deno.openKv(path);
    } catch (error) {
      if (!known || !isDamaged(error)) throw error;
      await replaceFile(path);
      return await Deno.openKv(path);
    }
  };
  try {
    return await open();
  } catch (error) {
    if (!isFull(error) || !removeIfThere(`${path}.reserve`)) throw error;
    return await open();
  }
}

async function replaceFile(path: string): Promise<number> {
  const fresh = `${path}.new`;
  removeFiles(fresh);
  // Makes the tables.
  (await Deno.openKv(fresh)).close();
  const rows = salvage(path, fresh);
  removeFiles(`${path}.damaged`);
  await moveFiles(path, `${path}.damaged`);
  await moveFiles(fresh, path);
  return rows;
}

function statSize(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch {
    return undefined;
  }
}

/** Writes what a file system that compresses cannot make smaller. */
function writeWhole(path: string, size: number): void {
  using file = Deno.openSync(path, { create: true, write: true, truncate: true, mode: 0o600 });
  const page = new Uint8Array(65_536);
  for (let at = 0; at < size; at += page.length) {
    crypto.getRandomValues(page);
    for (let rest = page; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
  }
  file.syncDataSync();
}

function cannotOpen(path: string, cause: unknown): BufferOpenError {
  return new BufferOpenError(`Cannot open the buffer '${path}': ${messageOf(cause)}`, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
