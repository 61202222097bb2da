// SPDX-License-Identifier: Apache-2.0
/**
 * System calls that were open at the end of a window.
 *
 * @module
 */

import { type Entries, OPEN_CALL, SYSCALL_KEY } from "../libbpf/mod.ts";
import { callName } from "../syscalls/name.ts";
import type { ProgramOf, RawSample } from "./collector.ts";
import { decodeComm } from "./comm.ts";
import type { SetWindow } from "./map_sets.ts";

/** A call that was open when the window ended. */
export interface OpenCall extends ProgramOf {
  readonly comm: string;
  /** It is as in the keys of the maps. */
  readonly call: number;
  /** It is on the clock of the programs. */
  readonly beganNs: bigint;
  /** A signal interrupted it then, where that is open; else 0n. */
  readonly interruptedNs: bigint;
}

/**
 * The calls that were open at the end of `window`: those of threads that still are in them, by what the iterator writes
 * of all threads, and those that have ended since, of which the threads kept a note. What the iterator saw was read
 * before the notes, so that what ends meanwhile is seen once at least.
 */
export class OpenCalls {
  readonly #endNs: bigint;
  readonly #calls = new Map<number, OpenCall>();

  constructor({ endNs }: Pick<SetWindow, "endNs">) {
    this.#endNs = endNs;
  }

  /** Adds what the iterator wrote. */
  addThreads(bytes: Uint8Array<ArrayBuffer>): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + OPEN_CALL.size <= view.byteLength; at += OPEN_CALL.size) this.#add(view, at);
  }

  /** Adds a batch of the map of what ended since. */
  addEnded({ count, values }: Entries): void {
    for (let i = 0; i < count; i++) {
      const at = i * OPEN_CALL.size;
      // Those of an earlier window were seen then; what the iterator saw was open still.
      if (values.getBigUint64(at + OPEN_CALL.window_ns, true) === this.#endNs) this.#add(values, at);
    }
  }

  #add(view: DataView<ArrayBuffer>, at: number): void {
    const tid = view.getUint32(at + OPEN_CALL.tid, true);
    const beganNs = view.getBigUint64(at + OPEN_CALL.start_ns, true);
    if (beganNs >= this.#endNs || this.#calls.has(tid)) return;
    const key = at + OPEN_CALL.key;
    this.#calls.set(tid, {
      pid: view.getUint32(key + SYSCALL_KEY.pid, true),
      program: view.getUint32(key + SYSCALL_KEY.program, true),
      comm: decodeComm(view, key + SYSCALL_KEY.comm),
      call: view.getUint32(key + SYSCALL_KEY.call, true),
      beganNs,
      interruptedNs: view.getBigUint64(at + OPEN_CALL.end_ns, true),
    });
  }

  calls(): readonly OpenCall[] {
    return [...this.#calls.values()];
  }
}

/** Returns how many ns of the window an open call has. */
export function openNs({ beganNs, interruptedNs }: OpenCall, { startNs, endNs }: SetWindow): number {
  const from = beganNs > startNs ? beganNs : startNs;
  const until = interruptedNs !== 0n && interruptedNs < endNs ? interruptedNs : endNs;
  return until > from ? Number(until - from) : 0;
}

/**
 * Samples of the open calls that already took `slowNs`: with the call alone, as where its thread is is read when it
 * comes back, and with no count, as a call counts when it ends.
 */
export function openSamples(
  calls: readonly OpenCall[],
  window: SetWindow,
  { slowNs }: { slowNs: number },
): RawSample[] {
  if (slowNs === 0) return [];
  return calls.filter(({ beganNs }) => Number(window.endNs - beganNs) >= slowNs).map((call) => ({
    pid: call.pid,
    program: call.program,
    comm: call.comm,
    user: [],
    kernel: [],
    value: openNs(call, window),
    count: 0,
    call: callName(call.call),
  }));
}
