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
import { CallTable } from "./call_table.ts";
import type { RawSample } from "./collector.ts";
import { decodeComm } from "./comm.ts";
import type { SetWindow } from "./map_sets.ts";
import { type OpenCall, openNs } from "./syscall_open.ts";
import { TupleTable } from "../../common/tuple_table.ts";

/** The sizes of key and value are in 32-bit words. */
const KEY_WORDS = SYSCALL_KEY.size / 4;
const VALUE_WORDS = SYSCALL_VALUE.size / 4;
const [COMM_WORD, PID_WORD, CALL_WORD] = [SYSCALL_KEY.comm / 4, SYSCALL_KEY.pid / 4, SYSCALL_KEY.call / 4];
const PROGRAM_WORD = SYSCALL_KEY.program / 4;

/** Adds entries up to rows, one for each (process, program, thread name, call). */
export class SyscallRows {
  readonly #table = new CallTable();
  /** Names of threads by their bytes, and the number that each has as a text. */
  readonly #comms = new TupleTable();
  readonly #commTexts: number[] = [];
  /** The numbers that calls have as a text. */
  readonly #callTexts = new Map<number, number>();

  /** Adds a batch of the maps of calls. */
  addCalls({ count, keys, values }: Entries): void {
    const table = this.#table;
    const keyWords = new Uint32Array(keys.buffer, keys.byteOffset, count * KEY_WORDS);
    const words = new Uint32Array(values.buffer, values.byteOffset, count * VALUE_WORDS);
    for (let i = 0; i < count; i++) {
      const row = this.#row(keys, keyWords, i);
      const at = i * SYSCALL_VALUE.size;
      const minNs = u64(values, at + SYSCALL_VALUE.min_ns);
      const maxNs = u64(values, at + SYSCALL_VALUE.max_ns);
      const from = i * VALUE_WORDS + SYSCALL_VALUE.histogram / 4;
      // Of tens of thousands of rows most have one call, in one bucket of all.
      const last = bucketOf(maxNs);
      let calls = 0;
      for (let bucket = bucketOf(minNs); bucket <= last; bucket++) {
        const inBucket = words[from + bucket]!;
        if (inBucket === 0) continue;
        table.addBucket(row, bucket, inBucket);
        calls += inBucket;
      }
      table.addEnded(row, { calls, totalNs: u64(values, at + SYSCALL_VALUE.total_ns), minNs, maxNs });
      const failed = words[i * VALUE_WORDS + SYSCALL_VALUE.failed / 4]!;
      if (failed > 0) table.addErrors(row, words[i * VALUE_WORDS + SYSCALL_VALUE.error / 4]!, failed);
    }
  }

  /** Adds a batch of the maps of errors, which have those alone that are not with their calls. */
  addErrors({ count, keys, values }: Entries): void {
    const keyWords = new Uint32Array(keys.buffer, keys.byteOffset, count * KEY_WORDS);
    for (let i = 0; i < count; i++) {
      const error = keys.getUint16(i * SYSCALL_KEY.size + SYSCALL_KEY.error, true);
      this.#table.addErrors(this.#row(keys, keyWords, i), error, u64(values, i * 8));
    }
  }

  /** Adds calls that did not end in `window`, each of which has only that of it which was in the window. */
  addOpen(calls: readonly OpenCall[], { startNs, endNs }: SetWindow): void {
    const table = this.#table;
    for (const open of calls) {
      const row = table.row(open, table.text(open.comm), this.#callText(open.call));
      const oldestNs = Number(endNs - open.beganNs);
      table.addOpen(row, { calls: 1, ns: openNs(open, { startNs, endNs }), oldestNs });
    }
  }

  /** Forgets all rows; the room that they had is there for others. */
  clear(): void {
    this.#table.clear();
    this.#comms.clear();
    this.#commTexts.length = 0;
    this.#callTexts.clear();
  }

  /** Returns all rows with a call. */
  rows(): CallTable {
    return this.#table;
  }

  #row(keys: DataView<ArrayBuffer>, words: Uint32Array, i: number): number {
    const at = i * KEY_WORDS;
    const comm = at + COMM_WORD;
    const name = this.#comms.number(words[comm]!, words[comm + 1]!, words[comm + 2]!, words[comm + 3]!);
    this.#commTexts[name] ??= this.#table.text(decodeComm(keys, i * SYSCALL_KEY.size + SYSCALL_KEY.comm));
    return this.#table.rowOf(
      words[at + PID_WORD]!,
      words[at + PROGRAM_WORD]!,
      this.#commTexts[name]!,
      this.#callText(words[at + CALL_WORD]!),
    );
  }

  #callText(call: number): number {
    let text = this.#callTexts.get(call);
    if (text === undefined) this.#callTexts.set(call, text = this.#table.text(callName(call)));
    return text;
  }
}

/** Returns the bucket of calls that took so long, as `log2_of()` of `bpf/log2.h` does. */
function bucketOf(ns: number): number {
  const high = Math.floor(ns / 2 ** 32);
  const exponent = high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(ns | 1);
  return Math.min(exponent, SYSCALL_BUCKETS - 1);
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
      program: keys.getUint32(key + SYSCALL_SAMPLE_KEY.program, true),
      comm: decodeComm(keys, key + SYSCALL_SAMPLE_KEY.comm),
      user: addresses.get(keys.getBigUint64(key + SYSCALL_SAMPLE_KEY.user_stack, true)) ?? [],
      kernel: [],
      value: u64(values, value + SYSCALL_SAMPLE.latency_ns),
      count: u64(values, value + SYSCALL_SAMPLE.count),
      call: callName(keys.getUint32(key + SYSCALL_SAMPLE_KEY.call, true)),
    };
  });
}
