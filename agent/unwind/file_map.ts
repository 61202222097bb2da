// SPDX-License-Identifier: Apache-2.0
/**
 * The files that the kernel knows by themselves, so that the walk knows its way in a process that nobody has read: it
 * finds there which file is mapped, and here what that is.
 *
 * @module
 */

import { type BpfMap, FILE_KEY, KNOWN_FILE, NAME_BYTES, WANTED_FILE } from "../libbpf/mod.ts";
import { biasOf, type CodeFile } from "../elf/code_file.ts";
import type { CodeFiles } from "../elf/code_files.ts";
import { type MappedFile, openMapped } from "../elf/mapped_file.ts";
import type { RegularFile } from "../../symbols/elf/regular_file.ts";
import { mappingAt } from "../metadata/maps.ts";
import { mountedAt } from "../metadata/mounts.ts";
import { type Process, type ProcessTable, RENEW_MS } from "../metadata/processes.ts";
import type { Likely } from "./mappings.ts";
import type { TableCompiler } from "./table_compiler.ts";

/** APERTURE_SEGMENTS: a file of more is not known by itself. */
const MAX_SEGMENTS = 2;
/** One file may have so many keys: another one with the same contents is the same file. */
const MAX_KEYS = 4;
const MAX_FILES = 4096;
/**
 * A file that no process is left to show is looked for in these mount namespaces: the machine's, and the agent's own,
 * which may be all that it is let into.
 */
const LOOKERS = ["1", "self"];
const decoder = new TextDecoder();

/** A file that a walk came to in a process. */
export interface ObservedFile {
  /** `struct aperture_file_key`. */
  readonly key: DataView<ArrayBuffer>;
  readonly pid: number;
  /** The address in the process. */
  readonly address: number;
  /** The path from the root of its file system; `undefined` where that is too deep. */
  readonly path: string | undefined;
}

/** Reads `struct aperture_wanted_file`, and the key beside it. */
export function readObservedFile(key: DataView<ArrayBuffer>, value: DataView<ArrayBuffer>): ObservedFile {
  const depth = value.getUint32(WANTED_FILE.depth, true);
  const names = Array.from({ length: depth }, (_, i) => {
    const at = value.byteOffset + WANTED_FILE.names + i * NAME_BYTES;
    const bytes = new Uint8Array(value.buffer, at, NAME_BYTES);
    const end = bytes.indexOf(0);
    // A name that fills its place was cut.
    return end < 0 || end === NAME_BYTES - 1 ? undefined : decoder.decode(bytes.subarray(0, end));
  });
  const whole = depth > 0 && !names.includes(undefined);
  return {
    key,
    pid: value.getUint32(WANTED_FILE.pid, true),
    address: Number(value.getBigUint64(WANTED_FILE.address, true)),
    path: whole ? `/${names.reverse().join("/")}` : undefined,
  };
}

export interface FileMapOptions {
  readonly files: CodeFiles;
  readonly tables: Pick<TableCompiler, "isTableless">;
  readonly processes: ProcessTable;
  /** @default {"/proc"} */
  readonly procRoot?: string;
}

/** Keeps the kernel's map of files. */
export class FileMap {
  readonly #map: BpfMap;
  readonly #files: CodeFiles;
  readonly #tables: Pick<TableCompiler, "isTableless">;
  readonly #processes: ProcessTable;
  readonly #procRoot: string;
  /** The keys that were written of each file are kept for when it turns out to have no table; the oldest first. */
  readonly #keys = new Map<CodeFile, DataView<ArrayBuffer>[]>();

  constructor(map: BpfMap, { files, tables, processes, procRoot = "/proc" }: FileMapOptions) {
    this.#map = map;
    this.#files = files;
    this.#tables = tables;
    this.#processes = processes;
    this.#procRoot = procRoot;
  }

  /**
   * Makes the file known, if the process still has it, or it still is where it was.
   *
   * @returns what of it will be wanted next
   */
  observe(observed: ObservedFile): Likely | undefined {
    const { pid } = observed;
    const mapped = mappedBy(this.#processes.readWithin(pid, { maxAgeMs: RENEW_MS }), observed) ??
      mappedBy(this.#processes.observe(pid), observed);
    let changed = false;
    for (const place of this.#places(observed, mapped)) {
      using opened = openMapped(place);
      if (!opened) continue;
      if (isNamedBy(opened, observed.key)) return this.#take(observed, { opened, place });
      changed = true;
    }
    // What nobody can open is as good as none. A process that is gone says nothing: another may still show the file.
    if (!changed && mapped && mappedBy(this.#processes.observe(pid), observed)) {
      this.#map.update(observed.key, this.#valueOf(undefined));
    }
    return undefined;
  }

  /** Tells the kernel of a file that was found to have no table. */
  withoutTable(file: CodeFile): void {
    for (const key of this.#keys.get(file) ?? []) this.#map.replace(key, this.#valueOf(file));
  }

  /** Returns the ids of the files that the kernel knows. */
  fileIds(): number[] {
    const ids: number[] = [];
    this.#map.read(({ count, values }) => {
      for (let i = 0; i < count; i++) ids.push(values.getUint32(i * KNOWN_FILE.size + KNOWN_FILE.file, true));
    });
    return ids;
  }

  #take({ key, address }: ObservedFile, { opened, place }: { opened: RegularFile; place: MappedFile }) {
    const file = this.#files.identify(opened, place);
    this.#map.update(key, this.#valueOf(file));
    if (file === undefined) return undefined;
    this.#remember(file, key);
    const bias = place.mapping.end > 0 ? biasOf(file, place.mapping) : undefined;
    return { file, address: bias === undefined ? undefined : address - bias };
  }

  /** Yields where the file may be: the mapping that was observed, then what has its path on the machine itself. */
  *#places(observed: ObservedFile, mapped: MappedFile | undefined): Generator<MappedFile> {
    if (mapped) yield mapped;
    if (observed.path === undefined) return;
    const device = observed.key.getUint32(FILE_KEY.device, true);
    for (const looker of LOOKERS) {
      const process = { folder: `${this.#procRoot}/${looker}` };
      for (const path of mountedAt(process.folder, { device, path: observed.path })) {
        yield { process, mapping: { ...NOWHERE, inode: inodeOf(observed.key), path } };
      }
    }
  }

  /** Returns `struct aperture_file`: all zero for what cannot be unwound or named. */
  #valueOf(file: CodeFile | undefined): DataView<ArrayBuffer> {
    const value = new DataView(new ArrayBuffer(KNOWN_FILE.size));
    const segments = file?.elf.segments.filter(({ executable }) => executable) ?? [];
    if (!file || segments.length > MAX_SEGMENTS) return value;
    value.setUint32(KNOWN_FILE.file, file.id, true);
    value.setUint32(KNOWN_FILE.tableless, this.#tables.isTableless(file) ? 1 : 0, true);
    for (const [i, { offset, fileSize, address }] of segments.entries()) {
      for (const [j, word] of [offset, fileSize, address].entries()) {
        value.setBigUint64(KNOWN_FILE.segments + (i * 3 + j) * 8, BigInt(word), true);
      }
    }
    return value;
  }

  #remember(file: CodeFile, key: DataView<ArrayBuffer>): void {
    const keys = this.#keys.get(file) ?? [];
    this.#keys.delete(file);
    this.#keys.set(file, [...keys.slice(1 - MAX_KEYS), key]);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > MAX_FILES && oldest) this.#keys.delete(oldest);
  }
}

/** A mapping of no process. */
const NOWHERE = { start: 0, end: 0, offset: 0, device: "", deleted: false };

function inodeOf(key: DataView<ArrayBuffer>): number {
  return Number(key.getBigUint64(FILE_KEY.inode, true));
}

/**
 * Tells whether `file` is what the kernel has the key of. What lies over other file systems (overlay), or in volumes of
 * one
 * (btrfs), is shown with a device of its own, whose major number is 0.
 */
function isNamedBy(file: RegularFile, key: DataView<ArrayBuffer>): boolean {
  return file.inode === inodeOf(key) &&
    file.size === Number(key.getBigUint64(FILE_KEY.bytes, true)) &&
    file.modifiedSeconds === Number(key.getBigInt64(FILE_KEY.modified, true)) &&
    (file.device === key.getUint32(FILE_KEY.device, true) || file.device >>> 20 === 0);
}

/**
 * Returns the mapping that was observed, unless the process has ended, runs another program or mapped something else
 * there.
 */
function mappedBy(process: Process | undefined, { address, key }: ObservedFile): MappedFile | undefined {
  const mapping = process && mappingAt(process.mappings, address);
  return process && mapping?.inode === inodeOf(key) ? { process, mapping } : undefined;
}
