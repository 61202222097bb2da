/**
 * System calls as the kernel counted them, from the bytes of the maps.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import {
  type Entries,
  SYSCALL_BUCKETS,
  SYSCALL_KEY,
  SYSCALL_SAMPLE,
  SYSCALL_SAMPLE_KEY,
  SYSCALL_VALUE,
} from "../libbpf/mod.ts";
import { callName } from "../syscalls/name.ts";
import type { RawSample, RawSyscall } from "./collector.ts";
import { decodeComm } from "./comm.ts";

/** A row while the entries of all CPUs are added to it. */
interface Sums {
  readonly pid: number;
  readonly comm: string;
  readonly call: string;
  count: number;
  readonly errors: Map<number, number>;
  totalNs: number;
  minNs: number;
  maxNs: number;
  readonly histogram: number[];
}

/** Adds entries up to rows, one for each (process, thread name, call). */
export class SyscallRows {
  readonly #rows = new Map<string, Sums>();
  readonly #names = new Map<number, string>();

  /** Adds a batch of the maps of calls. */
  addCalls({ count, keys, values }: Entries): void {
    for (let i = 0; i < count; i++) {
      const row = this.#row(keys, i * SYSCALL_KEY.size);
      const at = i * SYSCALL_VALUE.size;
      row.totalNs += u64(values, at + SYSCALL_VALUE.total_ns);
      row.minNs = Math.min(row.minNs, u64(values, at + SYSCALL_VALUE.min_ns));
      row.maxNs = Math.max(row.maxNs, u64(values, at + SYSCALL_VALUE.max_ns));
      for (let bucket = 0; bucket < SYSCALL_BUCKETS; bucket++) {
        const calls = values.getUint32(at + SYSCALL_VALUE.histogram + bucket * 4, true);
        row.histogram[bucket]! += calls;
        row.count += calls;
      }
    }
  }

  /** Adds a batch of the maps of errors; after those of calls, as a call that failed is in both. */
  addErrors({ count, keys, values }: Entries): void {
    for (let i = 0; i < count; i++) {
      const at = i * SYSCALL_KEY.size;
      const { errors } = this.#row(keys, at);
      const error = keys.getUint32(at + SYSCALL_KEY.error, true);
      errors.set(error, (errors.get(error) ?? 0) + u64(values, i * 8));
    }
  }

  /** All rows with a call. One whose calls were lost, but not their errors, has none. */
  rows(): RawSyscall[] {
    return this.#rows.values().filter(({ count }) => count > 0)
      .map(({ histogram, ...row }) => ({ ...row, histogram: trimmed(histogram) })).toArray();
  }

  #row(keys: DataView<ArrayBuffer>, at: number): Sums {
    const pid = keys.getUint32(at + SYSCALL_KEY.pid, true);
    const comm = decodeComm(keys, at + SYSCALL_KEY.comm);
    const call = keys.getUint32(at + SYSCALL_KEY.call, true);
    const key = `${pid} ${call} ${comm}`;
    let row = this.#rows.get(key);
    if (!row) {
      row = {
        pid,
        comm,
        call: this.#name(call),
        count: 0,
        errors: new Map(),
        totalNs: 0,
        minNs: Infinity,
        maxNs: 0,
        histogram: new Array<number>(SYSCALL_BUCKETS).fill(0),
      };
      this.#rows.set(key, row);
    }
    return row;
  }

  #name(call: number): string {
    let name = this.#names.get(call);
    if (name === undefined) this.#names.set(call, name = callName(call));
    return name;
  }
}

/** The samples of a batch. */
export function decodeSyscallSamples(
  { count, keys, values }: Entries,
  addresses: ReadonlyMap<bigint, readonly number[]>,
): RawSample[] {
  return Array.from({ length: count }, (_, i) => {
    const key = i * SYSCALL_SAMPLE_KEY.size;
    const value = i * SYSCALL_SAMPLE.size;
    return {
      pid: keys.getUint32(key + SYSCALL_SAMPLE_KEY.pid, true),
      comm: decodeComm(keys, key + SYSCALL_SAMPLE_KEY.comm),
      user: addresses.get(keys.getBigUint64(key + SYSCALL_SAMPLE_KEY.user_stack, true)) ?? [],
      kernel: [],
      value: u64(values, value + SYSCALL_SAMPLE.latency_ns),
      count: u64(values, value + SYSCALL_SAMPLE.count),
      call: callName(keys.getUint32(key + SYSCALL_SAMPLE_KEY.call, true)),
    };
  });
}

/** Without the zeros at the end. */
function trimmed(histogram: readonly number[]): number[] {
  return histogram.slice(0, histogram.findLastIndex((calls) => calls > 0) + 1);
}
