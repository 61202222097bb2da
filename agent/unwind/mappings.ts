// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what the kernel knows of the processes that have samples: which file is mapped where in each.
 *
 * A process is read when a sample finds nothing of it, and again when one finds nothing mapped where it is, or after
 * some seconds in which it had samples. The kernel itself forgets a process at an exec and an exit
 * (`bpf/unwind.bpf.c`): its entry is gone then, which is how both are noticed here. Where something else is mapped by now
 * than was read, the walk itself sees it, goes by the kernel's own account, and has the process read again.
 *
 * @module
 */

import { biasOf, type CodeFile } from "../elf/code_file.ts";
import type { CodeFiles } from "../elf/code_files.ts";
import { type BpfMap, MAPPING } from "../libbpf/mod.ts";
import { isSameMapping, type Mapping } from "../metadata/maps.ts";
import { type Process, type ProcessTable, RENEW_MS } from "../metadata/processes.ts";
import { type Prefix, prefixesOf } from "./prefixes.ts";
import type { TableCompiler } from "./table_compiler.ts";

/** Windows without a sample after which a process is forgotten. */
const IDLE_WINDOWS = 6;
/** A process whose samples find nothing mapped, time and again, is not read more often than that, in ms. */
const MAX_PAUSE_MS = 5000;
/** The key of `unwind_mappings` is the process, then an address. */
const PROCESS_BITS = 32;
const ADDRESS_BITS = 64;
/** Code of a JIT, or what is not to be read. */
const NO_FILE = 0;

/** These maps of `bpf/unwind.bpf.c` have the processes. */
export interface MappingMaps {
  readonly mappings: BpfMap;
  readonly processes: BpfMap;
}

export interface MappingStats {
  readonly processes: number;
  /** Prefixes in the trie. */
  readonly prefixes: number;
  /** Counts, since the start, how often a process's mappings were compared with those that the kernel has. */
  readonly reads: number;
  /** Mappings that found no room in the trie. */
  readonly refused: number;
}

/** A file whose table will be wanted next. */
export interface Likely {
  readonly file: CodeFile;
  /** The address in it, as its program headers count; `undefined` where that is not known. */
  readonly address: number | undefined;
}

interface Known {
  readonly mapping: Mapping;
  readonly file: CodeFile | undefined;
}

interface ProcessEntry {
  /** Names its mappings in the trie. */
  readonly id: number;
  readonly mappings: Map<number, Known>;
  /** The process as it was when it was last read. */
  process: Process | undefined;
  /** It may be read again from this time on because a sample finds nothing, in ms. */
  notBefore: number;
  pauseMs: number;
}

export interface ProcessMappingsOptions {
  readonly files: CodeFiles;
  readonly tables: Pick<TableCompiler, "isTableless">;
  readonly processes: ProcessTable;
  /** Returns the time in ms. @default {performance.now} */
  readonly clock?: () => number;
}

/** Keeps the kernel's mappings of processes. */
export class ProcessMappings {
  readonly #maps: MappingMaps;
  readonly #files: CodeFiles;
  readonly #tables: Pick<TableCompiler, "isTableless">;
  readonly #table: ProcessTable;
  readonly #clock: () => number;
  readonly #processes = new Map<number, ProcessEntry>();
  /** The first numbers of the last windows. */
  readonly #since: number[] = [];
  #nextId = 1;
  #prefixes = 0;
  #reads = 0;
  #refused = 0;

  constructor(
    maps: MappingMaps,
    { files, tables, processes, clock = () => performance.now() }: ProcessMappingsOptions,
  ) {
    this.#maps = maps;
    this.#files = files;
    this.#tables = tables;
    this.#table = processes;
    this.#clock = clock;
  }

  get stats(): MappingStats {
    return {
      processes: this.#processes.size,
      prefixes: this.#prefixes,
      reads: this.#reads,
      refused: this.#refused,
    };
  }

  /**
   * Reads a process in which a sample found nothing at `address`.
   *
   * @returns the files whose tables will be wanted next: of the address, the program and the C library; none when
   * the process is gone; `undefined` when it was read a moment ago
   */
  want(pid: number, { address, window }: { address: number; window: number }): Likely[] | undefined {
    const known = this.#inKernel(pid);
    let entry = this.#processes.get(pid);
    // An exec: the id of the old program's mappings goes with it.
    if (entry && known !== entry.id) {
      this.#forget(pid, entry);
      entry = undefined;
    }
    if (entry && this.#clock() < entry.notBefore) return undefined;
    const key = Uint32Array.of(pid);
    const isNew = entry === undefined;
    entry ??= { id: this.#nextId++, mappings: new Map(), process: undefined, notBefore: 0, pauseMs: 0 };
    // First, so that an exec while it is read is seen as the loss of the entry.
    if (isNew) this.#maps.processes.update(key, Uint32Array.of(0, window));
    const changed = this.#refresh(entry, this.#table.observe(pid));
    this.#pause(entry, changed);
    if (!isNew) return this.#likely(entry, address);
    this.#processes.set(pid, entry);
    if (changed && this.#maps.processes.replace(key, Uint32Array.of(entry.id, window))) {
      return this.#likely(entry, address);
    }
    this.#forget(pid, entry);
    this.#maps.processes.delete(key);
    return [];
  }

  /** Takes in a process that no sample asked for, with all files of code that it has mapped. */
  observe(
    pid: number,
    window: number,
  ): { readonly files: ReadonlySet<CodeFile>; readonly likely: readonly Likely[] } {
    const likely = this.want(pid, { address: 0, window }) ?? [];
    const mappings = this.#processes.get(pid)?.mappings.values() ?? [];
    const files = new Set([...mappings].flatMap(({ file }) => file ? [file] : []));
    return { files, likely };
  }

  /** Tells the kernel, where a file is mapped, that it was found to have no table. */
  withoutTable(file: CodeFile): void {
    for (const entry of this.#processes.values()) {
      for (const known of entry.mappings.values()) if (known.file === file) this.#write(entry, known);
    }
  }

  /** Returns the ids of the files that the kernel has mappings of. */
  *fileIds(): Generator<number> {
    for (const { mappings } of this.#processes.values()) {
      for (const { file } of mappings.values()) if (file) yield file.id;
    }
  }

  /**
   * Forgets who exited or had no samples in a while; reads anew who had some in the window that ends.
   *
   * @param since the first of its numbers
   */
  endWindow(since: number): void {
    this.#since.push(since);
    const idleBefore = this.#since.length < IDLE_WINDOWS ? 0 : this.#since.shift()!;
    const last = new Map<number, { id: number; window: number }>();
    this.#maps.processes.read(({ count, keys, values }) => {
      for (let i = 0; i < count; i++) {
        const id = values.getUint32(i * 8, true);
        last.set(keys.getUint32(i * 4, true), { id, window: values.getUint32(i * 8 + 4, true) });
      }
    });
    for (const [pid, entry] of this.#processes) {
      const seen = last.get(pid);
      if (seen?.id !== entry.id) this.#forget(pid, entry);
      else if (seen.window < idleBefore || (seen.window >= since && !this.#renew(pid, entry))) {
        this.#maps.processes.delete(Uint32Array.of(pid));
        this.#forget(pid, entry);
      }
    }
  }

  /** Returns false when the process is gone. */
  #renew(pid: number, entry: ProcessEntry): boolean {
    const process = this.#table.readWithin(pid, { maxAgeMs: RENEW_MS });
    if (process !== entry.process) this.#refresh(entry, process);
    return entry.mappings.size > 0;
  }

  #inKernel(pid: number): number | undefined {
    const value = this.#maps.processes.lookup(Uint32Array.of(pid));
    return value && new DataView(value.buffer).getUint32(0, true);
  }

  /** Tells the kernel what changed of a process's mappings, all of which go with it; true when anything did. */
  #refresh(entry: ProcessEntry, process: Process | undefined): boolean {
    this.#reads++;
    entry.process = process;
    const found = new Map(process?.mappings.map((mapping) => [mapping.start, mapping]));
    let changed = false;
    for (const [start, known] of entry.mappings) {
      const now = found.get(start);
      if (now && isSameMapping(now, known.mapping)) continue;
      this.#erase(entry, known.mapping);
      entry.mappings.delete(start);
      changed = true;
    }
    if (process === undefined) return changed;
    for (const [start, mapping] of found) {
      if (entry.mappings.has(start) || mapping.end > Number.MAX_SAFE_INTEGER) continue;
      const known = { mapping, file: this.#files.of({ process, mapping }) };
      entry.mappings.set(start, known);
      this.#write(entry, known);
      changed = true;
    }
    return changed;
  }

  /** Each read that finds nothing new makes the next one wait longer. */
  #pause(entry: ProcessEntry, changed: boolean): void {
    entry.pauseMs = changed ? 0 : Math.min(MAX_PAUSE_MS, entry.pauseMs * 2 || 100);
    entry.notBefore = this.#clock() + entry.pauseMs;
  }

  #write(entry: ProcessEntry, known: Known): void {
    const { mapping, file } = known;
    const bias = file && biasOf(file, mapping);
    value.setBigInt64(MAPPING.bias, BigInt(bias ?? 0), true);
    value.setBigUint64(MAPPING.start, BigInt(mapping.start), true);
    value.setBigUint64(MAPPING.end, BigInt(mapping.end), true);
    value.setBigUint64(MAPPING.offset, BigInt(mapping.offset), true);
    // Overlay and the like (major device number 0) may show other numbers in maps than the kernel has inside.
    const inode = mapping.device.startsWith("00:") ? 0 : mapping.inode;
    value.setBigUint64(MAPPING.inode, BigInt(inode), true);
    value.setUint32(MAPPING.file, bias === undefined ? NO_FILE : file!.id, true);
    value.setUint32(MAPPING.tableless, file && this.#tables.isTableless(file) ? 1 : 0, true);
    value.setUint32(MAPPING.of_file, mapping.inode === 0 || mapping.copied ? 0 : 1, true);
    for (const prefix of prefixesOf(mapping.start, mapping.end)) {
      setKey(entry.id, prefix);
      try {
        this.#maps.mappings.update(key, value);
        this.#prefixes++;
      } catch {
        this.#refused++;
      }
    }
  }

  #erase({ id }: ProcessEntry, mapping: Mapping): void {
    for (const prefix of prefixesOf(mapping.start, mapping.end)) {
      setKey(id, prefix);
      if (this.#maps.mappings.delete(key)) this.#prefixes--;
    }
  }

  #forget(pid: number, entry: ProcessEntry): void {
    for (const { mapping } of entry.mappings.values()) this.#erase(entry, mapping);
    this.#processes.delete(pid);
  }

  #likely({ mappings }: ProcessEntry, address: number): Likely[] {
    const files = new Map<CodeFile, Likely>();
    let first = true;
    for (const { mapping, file } of mappings.values()) {
      if (!file) continue;
      // The program is mapped first, as the kernel lists mappings in their order.
      if (address >= mapping.start && address < mapping.end) {
        const bias = biasOf(file, mapping);
        files.set(file, { file, address: bias === undefined ? undefined : address - bias });
      } else if ((first || C_LIBRARY.test(mapping.path)) && !files.has(file)) {
        files.set(file, { file, address: undefined });
      }
      first = false;
    }
    return [...files.values()];
  }
}

const C_LIBRARY = /\/(libc|ld-musl|libc\.musl)[-.][^/]*$/;

/** A build has some hundreds of processes a second, each with tens of keys: all are made here. */
const key = new DataView(new ArrayBuffer(16));
/** `checked`, the kernel side's own, stays 0. */
const value = new DataView(new ArrayBuffer(MAPPING.size));

/** Sets {@linkcode key} to the `struct aperture_mapping_key` of a prefix. */
function setKey(id: number, { address, bits }: Prefix): void {
  key.setUint32(0, PROCESS_BITS + ADDRESS_BITS - bits, true);
  key.setUint32(4, id, true);
  key.setBigUint64(8, BigInt(address), false);
}
