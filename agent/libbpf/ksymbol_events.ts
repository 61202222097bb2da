// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what the kernel tells of code that it makes while it runs: BPF programs, their trampolines and the like.
 *
 * Since 5.1 it writes a record (PERF_RECORD_KSYMBOL) to the ring of every perf event that asks for it, on the CPU
 * where the code came or went.
 *
 * @module
 */

import { bpfError, withLibrary } from "./errors.ts";
import type { Library } from "./library.ts";
import { MappedMemory } from "./mapped_memory.ts";
import { openSoftwareEvent } from "./perf_event_open.ts";

const PERF_COUNT_SW_DUMMY = 9;
const PERF_SAMPLE_TIME = 1 << 2;
/** Bits of `struct perf_event_attr`. */
const SAMPLE_ID_ALL = 1 << 18;
const KSYMBOL = 1 << 29;

/** enum perf_event_type. */
const RECORD_LOST = 2;
const RECORD_KSYMBOL = 17;
/** enum perf_record_ksymbol_type: what is no BPF program is called so in kallsyms. */
const TYPE_BPF = 1;
const FLAG_UNREGISTER = 1;

const PAGE_BYTES = 4096;
/** Some 40 records a page: what a CPU can note between two calls of `take`. */
const DATA_PAGES = 4;
/** struct perf_event_mmap_page: `data_head` and `data_tail`, in 64-bit words. */
const HEAD = 1024 / 8;
const TAIL = 1032 / 8;
/** Before the name are header, addr, len, ksym_type and flags; after it is the time. */
const NAME_AT = 24;
const TIME_BYTES = 8;
/** A record with the longest name that there is: KSYM_NAME_LEN. */
const MOST_RECORD_BYTES = NAME_AT + 512 + TIME_BYTES;

/** A piece of code that came, or went. */
export interface KsymbolChange {
  /** The low 48 bits. */
  readonly address: number;
  readonly bytes: number;
  readonly name: string;
  /** It is as kallsyms has it in brackets. */
  readonly module: string;
  readonly came: boolean;
}

export interface KsymbolChanges {
  /** They are in the order in which they happened. */
  readonly changes: readonly KsymbolChange[];
  /** Is true when some may not have been noted, so that everything must be read anew. */
  readonly lost: boolean;
}

interface Ring {
  readonly memory: MappedMemory;
  readonly fd: number;
}

/** Notes changes from when it is opened on. */
export class KsymbolEvents implements Disposable {
  readonly #library: Library;
  readonly #rings: Ring[] = [];
  readonly #cpus: readonly number[];

  /**
   * Opens a ring of 16 KiB for each of `cpus`.
   *
   * @throws {BpfError} when the kernel refuses, or is older than 5.1
   */
  static open(cpus: readonly number[]): KsymbolEvents {
    return withLibrary((library) => {
      const events = new KsymbolEvents(library, cpus);
      try {
        for (const cpu of cpus) events.#add(cpu);
      } catch (error) {
        events.#close();
        throw error;
      }
      return events;
    });
  }

  private constructor(library: Library, cpus: readonly number[]) {
    this.#library = library;
    this.#cpus = cpus;
  }

  /** Returns whether these are the CPUs that are listened to: of others, changes are not seen. */
  covers(cpus: readonly number[]): boolean {
    return cpus.length === this.#cpus.length && cpus.every((cpu, i) => cpu === this.#cpus[i]);
  }

  /** Returns what changed since the last call. */
  take(): KsymbolChanges {
    const timed: TimedChange[] = [];
    let lost = false;
    for (const { memory } of this.#rings) {
      const buffer = memory.buffer();
      const words = new BigInt64Array(buffer, 0, PAGE_BYTES / 8);
      const head = Atomics.load(words, HEAD);
      const records = linear(
        new Uint8Array(buffer, PAGE_BYTES),
        Number(Atomics.load(words, TAIL)),
        Number(head),
      );
      // The kernel says that it had no room only before the next record that it writes on this CPU, which may be late.
      const isFull = records.byteLength > DATA_PAGES * PAGE_BYTES - MOST_RECORD_BYTES;
      if (readRecords(records, timed) || isFull) lost = true;
      Atomics.store(words, TAIL, head);
    }
    timed.sort((a, b) => a.time < b.time ? -1 : a.time > b.time ? 1 : 0);
    return { changes: timed.map(({ change }) => change), lost };
  }

  [Symbol.dispose](): void {
    if (this.#rings.length === 0) return;
    this.#close();
    this.#library[Symbol.dispose]();
  }

  #add(cpu: number): void {
    const what = `the notes of CPU ${cpu} on code that comes and goes`;
    const fd = openSoftwareEvent(this.#library, {
      cpu,
      config: PERF_COUNT_SW_DUMMY,
      sampleType: PERF_SAMPLE_TIME,
      flags: SAMPLE_ID_ALL | KSYMBOL,
    });
    if (fd < 0) throw bpfError(this.#library, { doing: `open ${what}`, errno: -fd });
    try {
      const bytes = (1 + DATA_PAGES) * PAGE_BYTES;
      this.#rings.push({ fd, memory: MappedMemory.of(this.#library, { fd, bytes, what }) });
    } catch (error) {
      this.#library.libc.close(fd);
      throw error;
    }
  }

  #close(): void {
    for (const { memory, fd } of this.#rings.splice(0)) {
      memory[Symbol.dispose]();
      this.#library.libc.close(fd);
    }
  }
}

/** Returns the bytes from `tail` to `head` of a ring, in one piece. */
function linear(ring: Uint8Array, tail: number, head: number): DataView {
  const bytes = new Uint8Array(Math.min(head - tail, ring.length));
  const from = tail % ring.length;
  const first = Math.min(bytes.length, ring.length - from);
  bytes.set(ring.subarray(from, from + first));
  bytes.set(ring.subarray(0, bytes.length - first), first);
  return new DataView(bytes.buffer);
}

/** A change with the kernel's time, by which those of several CPUs are put in order. */
export interface TimedChange {
  readonly time: bigint;
  readonly change: KsymbolChange;
}

/** Adds the changes that `records` tell of to `to`; says whether the kernel had no room for some. */
export function readRecords(records: DataView, to: TimedChange[]): boolean {
  let lost = false;
  for (let at = 0; at + 8 <= records.byteLength;) {
    const type = records.getUint32(at, true);
    const size = records.getUint16(at + 6, true);
    if (size < 8 || at + size > records.byteLength) return true;
    if (type === RECORD_LOST) lost = true;
    if (type === RECORD_KSYMBOL && size >= NAME_AT + TIME_BYTES) {
      to.push(readChange(new DataView(records.buffer, records.byteOffset + at, size)));
    }
    at += size;
  }
  return lost;
}

const decoder = new TextDecoder();

function readChange(record: DataView): TimedChange {
  const timeAt = record.byteLength - TIME_BYTES;
  const name = new Uint8Array(record.buffer, record.byteOffset + NAME_AT, timeAt - NAME_AT);
  const end = name.indexOf(0);
  const text = decoder.decode(end < 0 ? name : name.subarray(0, end));
  return {
    time: record.getBigUint64(timeAt, true),
    change: {
      address: Number(record.getBigUint64(8, true) & 0xffffffffffffn),
      bytes: record.getUint32(16, true),
      name: text,
      module: record.getUint16(20, true) === TYPE_BPF ? "bpf" : moduleOf(text),
      came: (record.getUint16(22, true) & FLAG_UNREGISTER) === 0,
    },
  };
}

/** Knows the names in include/linux/kprobes.h and ftrace.h: of pages for probes, and of trampolines of tracers. */
function moduleOf(name: string): string {
  return name.startsWith("ftrace") ? "__builtin__ftrace" : "__builtin__kprobes";
}
