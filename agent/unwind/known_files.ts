/**
 * The files that the kernel knows by themselves, so that the walk knows its way in a process that nobody has read: it
 * finds there which file is mapped, and here what that is.
 *
 * @module
 */

import { type BpfMap, FILE_KEY, KNOWN_FILE, NAME_BYTES, WANTED_FILE } from "../libbpf/mod.ts";
import { executableMappings, type Mapping } from "../metadata/maps.ts";
import { mountedAt } from "../metadata/mounts.ts";
import type { MappedFile } from "../symbols/modules.ts";
import { RegularFile } from "../symbols/regular_file.ts";
import { biasOf, type CodeFile, type CodeFiles } from "./code_files.ts";
import type { Likely } from "./mappings.ts";

/** APERTURE_SEGMENTS: a file of more is not known by itself. */
const MAX_SEGMENTS = 2;
/** Of one file: another one with the same contents is the same file. */
const MAX_KEYS = 4;
const MAX_FILES = 4096;
/** In whose mount namespace a file is looked for that no process is left to show. */
const INIT = 1;
const decoder = new TextDecoder();

/** A file that a walk met in a process. */
export interface MetFile {
  /** `struct aperture_file_key`. */
  readonly key: DataView<ArrayBuffer>;
  readonly pid: number;
  /** In the process. */
  readonly address: number;
  /** From the root of its file system; `undefined` where that is too deep. */
  readonly path: string | undefined;
}

/** Reads `struct aperture_wanted_file`, and the key beside it. */
export function readMetFile(key: DataView<ArrayBuffer>, value: DataView<ArrayBuffer>): MetFile {
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

/** Keeps the kernel's map of files. */
export class KnownFiles {
  readonly #map: BpfMap;
  readonly #files: CodeFiles;
  readonly #procRoot: string;
  /** What was written of each file, for when it turns out to have no table; the oldest first. */
  readonly #keys = new Map<CodeFile, DataView<ArrayBuffer>[]>();

  constructor(map: BpfMap, { files, procRoot = "/proc" }: { files: CodeFiles; procRoot?: string }) {
    this.#map = map;
    this.#files = files;
    this.#procRoot = procRoot;
  }

  /**
   * Makes the file known, if the process still has it, or it still is where it was.
   *
   * @returns what of it will be wanted next
   */
  meet(met: MetFile): Likely | undefined {
    const { pid, address, key } = met;
    const folder = `${this.#procRoot}/${pid}`;
    const mapping = mappingAt(folder, address);
    const place = mapping ? { process: { folder }, mapping } : this.#placeOf(met);
    if (place === undefined) return undefined;
    const file = this.#files.of(place);
    // It may be none that can be unwound, or gone with its process by now: then another process may still show it.
    if (file === undefined && mapping && mappingAt(folder, address) === undefined) return undefined;
    this.#map.update(key, valueOf(file));
    if (file === undefined) return undefined;
    this.#remember(file, key);
    const bias = mapping && biasOf(file, mapping);
    return { file, address: bias === undefined ? undefined : address - bias };
  }

  /** A file was found to have no table: the kernel is told. */
  withoutTable(file: CodeFile): void {
    for (const key of this.#keys.get(file) ?? []) this.#map.replace(key, valueOf(file));
  }

  /** Where the file is on the machine itself, if it is the same still. */
  #placeOf({ key, path }: MetFile): MappedFile | undefined {
    if (path === undefined) return undefined;
    const folder = `${this.#procRoot}/${INIT}`;
    const device = key.getUint32(FILE_KEY.device, true);
    const inode = Number(key.getBigUint64(FILE_KEY.inode, true));
    for (const at of mountedAt(folder, { device, path })) {
      using file = RegularFile.open(`${folder}/root${at}`);
      if (!file || file.inode !== inode || file.size !== Number(key.getBigUint64(FILE_KEY.bytes, true))) {
        continue;
      }
      if (file.modifiedSeconds !== Number(key.getBigInt64(FILE_KEY.modified, true))) continue;
      const nowhere = { start: 0, end: 0, offset: 0, device: "", deleted: false };
      return { process: { folder }, mapping: { ...nowhere, inode, path: at } };
    }
    return undefined;
  }

  #remember(file: CodeFile, key: DataView<ArrayBuffer>): void {
    const keys = this.#keys.get(file) ?? [];
    this.#keys.delete(file);
    this.#keys.set(file, [...keys.slice(1 - MAX_KEYS), key]);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > MAX_FILES && oldest) this.#keys.delete(oldest);
  }
}

function mappingAt(folder: string, address: number): Mapping | undefined {
  try {
    return executableMappings(Deno.readFileSync(`${folder}/maps`))
      .find(({ start, end }) => address >= start && address < end);
  } catch {
    return undefined;
  }
}

/** `struct aperture_file`: all zero for what cannot be unwound or named. */
function valueOf(file: CodeFile | undefined): DataView<ArrayBuffer> {
  const value = new DataView(new ArrayBuffer(KNOWN_FILE.size));
  const segments = file?.segments.filter(({ executable }) => executable) ?? [];
  if (!file || segments.length > MAX_SEGMENTS) return value;
  value.setUint32(KNOWN_FILE.file, file.id, true);
  value.setUint32(KNOWN_FILE.tableless, file.tableless ? 1 : 0, true);
  for (const [i, { offset, fileSize, address }] of segments.entries()) {
    for (const [j, word] of [offset, fileSize, address].entries()) {
      value.setBigUint64(KNOWN_FILE.segments + (i * 3 + j) * 8, BigInt(word), true);
    }
  }
  return value;
}
