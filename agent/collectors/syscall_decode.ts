// SPDX-License-Identifier: Apache-2.0
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
import type { SetWindow } from "./map_sets.ts";
import { type OpenCall, openNs } from "./syscall_open.ts";

/** A row while the entries of all CPUs are added to it. */
interface Sums {
  readonly pid: number;
  readonly comm: string;
  readonly call: string;
  count: number;
  errors: Map<number, number> | undefined;
  totalNs: number;
  minNs: number;
  maxNs: number;
  /** It is no longer than it must be. */
  readonly histogram: number[];
  open: number;
  oldestNs: number;
}

/** Most calls have none. */
const NO_ERRORS: ReadonlyMap<number, number> = new Map();

/** The key's size is in 16-bit words. */
const KEY_HALVES = SYSCALL_KEY.size / 2;
/** The value's size is in 32-bit words. */
const VALUE_WORDS = SYSCALL_VALUE.size / 4;

/**
 * Adds entries up to rows, one for each (process, thread name, call).
 *
 * A build fills a map with tens of thousands of entries, so nothing is made for an entry but what its row keeps: a row is
 * found by its name and the 16-bit words of the rest of its key, as characters.
 */
export class SyscallRows {
  readonly #rows = new Map<string, Sums>();
  readonly #names = new Map<number, string>();
  /** They are found by their bytes. */
  readonly #comms = new Map<string, string>();

  /** Adds a batch of the maps of calls. */
  addCalls({ count, keys, values }: Entries): void {
    const halves = new Uint16Array(keys.buffer, keys.byteOffset, count * KEY_HALVES);
    const words = new Uint32Array(values.buffer, values.byteOffset, count * VALUE_WORDS);
    for (let i = 0; i < count; i++) {
      const row = this.#row(keys, halves, i);
      const at = i * SYSCALL_VALUE.size;
      row.totalNs += u64(values, at + SYSCALL_VALUE.total_ns);
      row.minNs = Math.min(row.minNs, u64(values, at + SYSCALL_VALUE.min_ns));
      row.maxNs = Math.max(row.maxNs, u64(values, at + SYSCALL_VALUE.max_ns));
      const { histogram } = row;
      const from = i * VALUE_WORDS + SYSCALL_VALUE.histogram / 4;
      for (let bucket = 0; bucket < SYSCALL_BUCKETS; bucket++) {
        const calls = words[from + bucket]!;
        if (calls === 0) continue;
        while (histogram.length <= bucket) histogram.push(0);
        histogram[bucket]! += calls;
        row.count += calls;
      }
    }
  }

  /** Adds a batch of the maps of errors; after those of calls, as a call that failed is in both. */
  addErrors({ count, keys, values }: Entries): void {
    const halves = new Uint16Array(keys.buffer, keys.byteOffset, count * KEY_HALVES);
    for (let i = 0; i < count; i++) {
      const row = this.#row(keys, halves, i);
      const errors = row.errors ??= new Map();
      const error = keys.getUint32(i * SYSCALL_KEY.size + SYSCALL_KEY.error, true);
      errors.set(error, (errors.get(error) ?? 0) + u64(values, i * 8));
    }
  }

  /** Adds calls that did not end in `window`, each of which has only that of it which was in the window. */
  addOpen(calls: readonly OpenCall[], { startNs, endNs }: SetWindow): void {
    for (const call of calls) {
      const row = this.#rowOf(call);
      row.totalNs += openNs(call, { startNs, endNs });
      row.open++;
      row.oldestNs = Math.max(row.oldestNs, Number(endNs - call.beganNs));
    }
  }

  /** Returns all rows with a call. One whose calls were lost, but not their errors, has none. */
  rows(): RawSyscall[] {
    const rows: RawSyscall[] = [];
    for (const row of this.#rows.values()) {
      const { pid, comm, call, count, errors = NO_ERRORS, totalNs, maxNs, histogram, open, oldestNs } = row;
      if (count + open === 0) continue;
      const minNs = count > 0 ? row.minNs : 0;
      rows.push({ pid, comm, call, count, errors, totalNs, minNs, maxNs, histogram, open, oldestNs });
    }
    return rows;
  }

  #row(keys: DataView<ArrayBuffer>, halves: Uint16Array, i: number): Sums {
    const at = i * KEY_HALVES;
    const half = (offset: number) => halves[at + offset]!;
    const [a, b, c, d] = [half(0), half(1), half(2), half(3)];
    const bytes = String.fromCharCode(a, b, c, d, half(4), half(5), half(6), half(7));
    const from = i * SYSCALL_KEY.size;
    const comm = this.#comm(bytes, keys, from + SYSCALL_KEY.comm);
    // Process and call follow the name.
    const key = comm + String.fromCharCode(0, half(8), half(9), half(10), half(11));
    return this.#rows.get(key) ?? this.#add(key, {
      pid: keys.getUint32(from + SYSCALL_KEY.pid, true),
      comm,
      call: keys.getUint32(from + SYSCALL_KEY.call, true),
    });
  }

  #rowOf(of: { pid: number; comm: string; call: number }): Sums {
    const { pid, comm, call } = of;
    const key = comm + String.fromCharCode(0, pid & 0xffff, pid >>> 16, call & 0xffff, call >>> 16);
    return this.#rows.get(key) ?? this.#add(key, of);
  }

  #add(key: string, { pid, comm, call }: { pid: number; comm: string; call: number }): Sums {
    const row: Sums = {
      pid,
      comm,
      call: this.#name(call),
      count: 0,
      errors: undefined,
      totalNs: 0,
      minNs: Infinity,
      maxNs: 0,
      histogram: [],
      open: 0,
      oldestNs: 0,
    };
    this.#rows.set(key, row);
    return row;
  }

  #comm(bytes: string, keys: DataView<ArrayBuffer>, at: number): string {
    let comm = this.#comms.get(bytes);
    if (comm === undefined) this.#comms.set(bytes, comm = decodeComm(keys, at));
    return comm;
  }

  #name(call: number): string {
    let name = this.#names.get(call);
    if (name === undefined) this.#names.set(call, name = callName(call));
    return name;
  }
}

/** Returns the samples of a batch. */
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
