/**
 * The files that code is mapped from: what they are, and their functions.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import type { Mapping } from "../metadata/maps.ts";
import type { Process } from "../metadata/processes.ts";
import { findDebugFile } from "./debug_files.ts";
import { addressOf, ElfError, type ElfInfo, readElf } from "./elf.ts";
import type { Libdw } from "./libdw/libdw.ts";
import { RegularFile } from "./regular_file.ts";
import { SymbolTable } from "./symbol_table.ts";

/** Files whose headers are kept; some hundred bytes each. */
const MAX_FILES = 8192;

/** A file as one path names it. */
export interface Module {
  /** Names the module for as long as the agent runs. */
  readonly number: number;
  readonly path: string;
  /** The last part of the path. */
  readonly name: string;
  /** Lower-case hex, "" when the file has none. */
  readonly buildId: string;
  /** `undefined` when the file is not ELF. */
  readonly elf: ElfInfo | undefined;
  /** Of the file that was read, see {@linkcode RegularFile}. */
  readonly identity: string;
  /** The build id, or what names the file without one: equal files share their symbols. */
  readonly key: string;
}

/** Where a module can be read now. */
export interface Place extends MappedFile {
  readonly process: Process;
}

/** A mapping of the process whose `/proc/PID` is `folder`. */
export interface MappedFile {
  readonly process: Pick<Process, "folder">;
  readonly mapping: Mapping;
}

export interface ModulesOptions {
  readonly libdw: Libdw;
  /** For the symbol tables that are kept. */
  readonly tableBytes: number;
}

export interface ModuleStats {
  readonly tables: number;
  readonly tableBytes: number;
  /** Files whose symbols were read since the start. */
  readonly opened: number;
  /** Files that could not be read or made no sense. */
  readonly unreadable: number;
}

/** Tells modules apart and keeps their symbol tables. */
export class Modules {
  readonly #libdw: Libdw;
  readonly #ofMapping = new WeakMap<Mapping, Module>();
  readonly #files = new LRUCache<string, Module>({ max: MAX_FILES });
  readonly #tables: LRUCache<string, SymbolTable>;
  readonly #tableBytes: number;
  /** Tables above the budget: kept to the window's end, for to read them for each address is worse. */
  readonly #large = new Map<string, SymbolTable>();
  /** Mappings whose file could not be reached in this window. */
  readonly #failed = new Set<Mapping>();
  #opened = 0;
  #unreadable = 0;
  #next = 1;

  constructor({ libdw, tableBytes }: ModulesOptions) {
    this.#libdw = libdw;
    this.#tableBytes = tableBytes;
    this.#tables = new LRUCache({ maxSize: tableBytes, sizeCalculation: (table) => table.bytes + 256 });
  }

  get stats(): ModuleStats {
    return {
      tables: this.#tables.size + this.#large.size,
      tableBytes: this.#tables.calculatedSize +
        [...this.#large.values()].reduce((sum, t) => sum + t.bytes, 0),
      opened: this.#opened,
      unreadable: this.#unreadable,
    };
  }

  endWindow(): void {
    this.#large.clear();
    this.#failed.clear();
  }

  /** The module that is mapped there; `undefined` when the file cannot be reached, now or any more. */
  of(place: Place): Module | undefined {
    const known = this.#ofMapping.get(place.mapping);
    if (known || this.#failed.has(place.mapping)) return known;
    using file = openMapped(place);
    if (file === undefined) {
      this.#failed.add(place.mapping);
      this.#unreadable++;
      return undefined;
    }
    const { path } = place.mapping;
    const fileKey = `${file.identity}:${path}`;
    let module = this.#files.get(fileKey);
    if (module === undefined) {
      module = this.#identify(file, path);
      this.#files.set(fileKey, module);
    }
    this.#ofMapping.set(place.mapping, module);
    return module;
  }

  /** Whether {@linkcode symbols} need not read the file. */
  hasSymbols({ key }: Module): boolean {
    return this.#tables.has(key) || this.#large.has(key);
  }

  /** The functions of `module`; `undefined` when its file cannot be reached any more. */
  symbols(module: Module, place: Place): SymbolTable | undefined {
    const known = this.#tables.get(module.key) ?? this.#large.get(module.key);
    if (known) return known;
    const table = this.#readSymbols(module, place);
    if (table === undefined) return undefined;
    if (table.bytes > this.#tableBytes / 2) this.#large.set(module.key, table);
    else this.#tables.set(module.key, table);
    return table;
  }

  #identify(file: RegularFile, path: string): Module {
    const elf = this.#readHeaders(file);
    const buildId = elf?.buildId ?? "";
    const name = path.slice(path.lastIndexOf("/") + 1);
    const { identity } = file;
    return { number: this.#next++, path, name, buildId, elf, identity, key: buildId || identity };
  }

  #readHeaders(file: RegularFile): ElfInfo | undefined {
    try {
      return readElf(file);
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      this.#unreadable++;
      return undefined;
    }
  }

  #readSymbols(module: Module, place: Place): SymbolTable | undefined {
    if (module.elf === undefined || module.elf.truncated) return SymbolTable.build([]);
    const roots = [`${place.process.folder}/root`, ""];
    for (const path of pathsTo(place)) {
      {
        // Only the file that was identified, not another that has its name now.
        using file = RegularFile.open(path);
        if (file?.identity !== module.identity) continue;
      }
      this.#opened++;
      try {
        return SymbolTable.build(this.#libdw.fileSymbols(path, {
          name: module.path,
          findDebugFile: (link) => findDebugFile({ path: module.path, buildId: module.buildId, roots }, link),
        }));
      } catch {
        this.#unreadable++;
      }
    }
    return undefined;
  }
}

/** The address of `address`, in the process, as the symbol table of `elf` counts; else its offset in the file. */
export function fileAddress(elf: ElfInfo | undefined, mapping: Mapping, address: number): number {
  const offset = address - mapping.start + mapping.offset;
  return (elf && addressOf(elf.segments, offset)) ?? offset;
}

/**
 * How to reach the file of a mapping: by the mapping itself, which leads to that very file, deleted or
 * in another mount namespace (needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE); else by its path.
 */
function pathsTo({ process: { folder }, mapping }: MappedFile): string[] {
  const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
  const paths = [`${folder}/map_files/${range}`];
  if (!mapping.deleted) paths.push(`${folder}/root${mapping.path}`);
  return paths;
}

/** Opens the file of a mapping; `undefined` when it cannot be reached, or another file has its name by now. */
export function openMapped(place: MappedFile): RegularFile | undefined {
  const [mapped, named] = pathsTo(place);
  const file = RegularFile.open(mapped!);
  if (file || named === undefined) return file;
  const other = RegularFile.open(named);
  // By its path it may be another file by now. Overlay and the like (major device number 0) show other
  // inode numbers in maps than in stat, so that there it cannot be told.
  const { inode, device } = place.mapping;
  if (other === undefined || other.inode === inode || device.startsWith("00:")) return other;
  other[Symbol.dispose]();
  return undefined;
}
