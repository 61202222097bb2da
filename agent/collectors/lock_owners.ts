// SPDX-License-Identifier: Apache-2.0
/**
 * Tells who holds a lock that somebody waits for, by what the lock itself says in its process's memory.
 *
 * @module
 */

import { HINT, readSmallText } from "../libbpf/mod.ts";
import type { RawStack } from "./collector.ts";
import type { FindPlace } from "./lock_decode.ts";
import type { FutexState, OpenWait } from "./lock_open.ts";

/** FUTEX_TID_MASK of linux/futex.h: the part of the word of a PI futex that is its owner. */
const TID_MASK = 0x3fffffff;
/** The begin of glibc's pthread_mutex_t, of which the word that is waited at is the first; see bpf/lock_owner.h. */
const MUTEX = { size: 20, owner: 8, users: 12, kind: 16, mostUsers: 65_536, kinds: 0x3ff } as const;
/** So many processes and words of them are read at most: each costs some system calls. */
const MAX_READS = 1000;

/** Returns `length` bytes at `address` in a process; `undefined` where they cannot be read. */
export type ReadMemory = (pid: number, address: bigint, length: number) => DataView | undefined;

/**
 * Finds owners among the threads of the waiters' processes. Most of them wait for something themselves, as in a
 * deadlock or for a lock of the kernel, so that it is known where.
 */
export class LockOwners implements Disposable {
  readonly #find: FindPlace;
  readonly #read: ReadMemory;
  /** They are found by process and number in its own pid namespace. */
  readonly #waiting = new Map<string, bigint>();
  readonly #files = new Map<number, Deno.FsFile | undefined>();
  #reads = 0;

  /** @param read reads the memory of a process @default {by `/proc/PID/mem`} */
  constructor(waits: readonly OpenWait[], find: FindPlace, read?: ReadMemory) {
    this.#find = find;
    this.#read = read ?? ((...what) => this.#readFile(...what));
    for (const { ownTid, place } of waits) {
      const pid = find(place)?.pid;
      if (ownTid && pid) this.#waiting.set(`${pid} ${ownTid}`, place);
    }
  }

  /**
   * Returns the owner's place: where it waits itself, or where it was when a wait for the lock began, else one without a
   * stack; `undefined` when the lock does not tell.
   *
   * @param state of the futex
   */
  find({ place, futex, address, hints, ownTid }: OpenWait, state?: FutexState): RawStack | undefined {
    const pid = this.#find(place)?.pid;
    const tells = (hints & (HINT.pi | HINT.contended)) !== 0 && !(hints & HINT.rwlock);
    if (!pid || !futex || !tells || this.#reads >= MAX_READS) return undefined;
    this.#reads++;
    const tid = hints & HINT.pi
      ? (this.#read(pid, address, 4)?.getUint32(0, true) ?? 0) & TID_MASK
      : ownerOf(this.#read(pid, address, MUTEX.size));
    if (tid === 0 || tid === ownTid) return undefined;
    const waits = this.#waiting.get(`${pid} ${tid}`);
    if (waits !== undefined) return this.#find(waits);
    const seen = state?.owner?.tid === tid ? this.#find(state.owner.place) : undefined;
    if (seen) return seen;
    const comm = commOf(pid, tid);
    return comm === undefined ? undefined : { pid, comm, user: [], kernel: [] };
  }

  #readFile(pid: number, address: bigint, length: number): DataView | undefined {
    if (!this.#files.has(pid)) this.#files.set(pid, openMemory(pid));
    const file = this.#files.get(pid);
    if (!file || address > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
    try {
      file.seekSync(address, Deno.SeekMode.Start);
      const bytes = new Uint8Array(length);
      return file.readSync(bytes) === length ? new DataView(bytes.buffer) : undefined;
    } catch {
      // The process is gone, or the lock is.
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) file?.close();
    this.#files.clear();
  }
}

/** Returns the owner that a mutex tells; 0 when it is none of glibc's, or free. */
function ownerOf(mutex: DataView | undefined): number {
  if (!mutex) return 0;
  const users = mutex.getUint32(MUTEX.users, true);
  if (users === 0 || users > MUTEX.mostUsers || mutex.getUint32(MUTEX.kind, true) & ~MUTEX.kinds) return 0;
  return mutex.getUint32(MUTEX.owner, true);
}

function openMemory(pid: number): Deno.FsFile | undefined {
  try {
    return Deno.openSync(`/proc/${pid}/mem`);
  } catch {
    return undefined;
  }
}

/**
 * Returns the name of a thread whose process has no pid namespace of its own; `undefined` when there is no such thread.
 */
function commOf(pid: number, tid: number): string | undefined {
  return readSmallText(`/proc/${pid}/task/${tid}/comm`)?.trimEnd();
}
