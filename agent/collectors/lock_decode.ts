/**
 * What the kernel counted of waits for locks, from the bytes of the maps.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import { type Entries, LOCK_KEY, LOCK_SUM } from "../libbpf/mod.ts";
import type { RawLock, RawPlace, WaitOutcome } from "./collector.ts";
import { decodeComm } from "./comm.ts";
import { type CodeRange, withoutTracepoint } from "./tracepoint_frames.ts";

/** `enum aperture_lock` of bpf/lock.h, in its order. */
export const LOCK_TYPES = ["futex", "spin", "rwlock", "mutex", "rwsem", "percpu", "rt", "sem"] as const;

/** `enum aperture_outcome` of bpf/lock.h, in its order. */
const OUTCOMES: readonly WaitOutcome[] = ["woken", "timeout", "interrupted"];

const NO_STACK: readonly number[] = [];

export interface DecodeLocksOptions {
  /** The addresses of a stack; `undefined` when it was not kept. */
  readonly stack: (hash: bigint) => readonly number[] | undefined;
  /** What to leave out at the leaf end of kernel stacks. */
  readonly tracepoint: readonly CodeRange[];
  /** To be added to. */
  readonly locks: RawLock[];
}

/** Adds the waits of a batch to `locks`. */
export function decodeLocks(
  { count, keys, values }: Entries,
  { stack, tracepoint, locks }: DecodeLocksOptions,
): void {
  const addresses = (at: number) => {
    const hash = keys.getBigUint64(at, true);
    return hash === 0n ? NO_STACK : stack(hash) ?? NO_STACK;
  };
  const holderAt = (at: number): RawPlace | undefined => {
    if (keys.getUint8(at + LOCK_KEY.has_holder) === 0) return undefined;
    return {
      pid: keys.getUint32(at + LOCK_KEY.holder_pid, true),
      comm: decodeComm(keys, at + LOCK_KEY.holder_comm),
      user: addresses(at + LOCK_KEY.holder_stack),
      kernel: NO_STACK,
    };
  };
  for (let i = 0; i < count; i++) {
    const key = i * LOCK_KEY.size;
    const value = i * LOCK_SUM.size;
    locks.push({
      waiter: {
        pid: keys.getUint32(key + LOCK_KEY.pid, true),
        comm: decodeComm(keys, key + LOCK_KEY.comm),
        user: addresses(key + LOCK_KEY.user_stack),
        kernel: withoutTracepoint(addresses(key + LOCK_KEY.kernel_stack), tracepoint),
      },
      holder: holderAt(key),
      type: LOCK_TYPES[keys.getUint8(key + LOCK_KEY.lock)]!,
      outcome: OUTCOMES[keys.getUint8(key + LOCK_KEY.outcome)]!,
      count: u64(values, value + LOCK_SUM.count),
      delayNs: u64(values, value + LOCK_SUM.delay_ns),
      maxNs: u64(values, value + LOCK_SUM.max_ns),
    });
  }
}
