// SPDX-License-Identifier: Apache-2.0
/**
 * Tells who holds a lock that somebody waits for, by what the lock itself says in its process's memory.
 *
 * @module
 */

import { HINT, readSmallText } from "../libbpf/mod.ts";
import type { RawStack } from "./collector.ts";
import type { FindPlace } from "./lock_decode.ts";
import type { OpenWait } from "./lock_open.ts";

/** FUTEX_TID_MASK of linux/futex.h: the part of the word of a PI futex that is its owner. */
const TID_MASK = 0x3fffffff;
/** `__owner` of glibc's pthread_mutex_t, behind the word that is waited at: so since 2.0, on all 64-bit machines. */
const OWNER_OFFSET = 8n;
/** So many processes and words of them are read at most: each costs some system calls. */
const MAX_READS = 1000;

/**
 * Finds owners among the threads of the waiters' processes. Most of them wait for something themselves, as in a
 * deadlock or for a lock of the kernel, so that it is known where.
 */
export class LockOwners implements Disposable {
  readonly #find: FindPlace;
  /** They are found by process and number in its own pid namespace. */
  readonly #waiting = new Map<string, bigint>();
  readonly #files = new Map<number, Deno.FsFile | undefined>();
  #reads = 0;

  constructor(waits: readonly OpenWait[], find: FindPlace) {
    this.#find = find;
    for (const { ownTid, place } of waits) {
      const pid = find(place)?.pid;
      if (ownTid && pid) this.#waiting.set(`${pid} ${ownTid}`, place);
    }
  }

  /** Returns the owner's place, its stack empty when it does not wait; `undefined` when the lock does not tell. */
  find({ place, futex, address, hints, ownTid }: OpenWait): RawStack | undefined {
    const pid = this.#find(place)?.pid;
    const tells = (hints & (HINT.pi | HINT.contended)) !== 0 && !(hints & HINT.rwlock);
    if (!pid || !futex || !tells || this.#reads >= MAX_READS) return undefined;
    this.#reads++;
    const at = hints & HINT.pi ? address : address + OWNER_OFFSET;
    const word = this.#read(pid, at);
    const tid = word === undefined ? 0 : hints & HINT.pi ? word & TID_MASK : word;
    if (tid === 0 || tid === ownTid) return undefined;
    const known = this.#waiting.get(`${pid} ${tid}`);
    if (known !== undefined) return this.#find(known);
    const comm = commOf(pid, tid);
    return comm === undefined ? undefined : { pid, comm, user: [], kernel: [] };
  }

  #read(pid: number, address: bigint): number | undefined {
    if (!this.#files.has(pid)) this.#files.set(pid, openMemory(pid));
    const file = this.#files.get(pid);
    if (!file || address > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
    try {
      file.seekSync(address, Deno.SeekMode.Start);
      const bytes = new Uint8Array(4);
      if (file.readSync(bytes) !== 4) return undefined;
      return new DataView(bytes.buffer).getUint32(0, true);
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
