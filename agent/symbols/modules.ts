/**
 * The files that code is mapped from: what they are, and their functions.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import type { Mapping } from "../metadata/maps.ts";
import type { Process } from "../metadata/processes.ts";
import { findDebugFile } from "./debug/debug_files.ts";
import { DebugPlaces, type Downloads } from "./debug/debug_info_locator.ts";
import type { DebugPlace } from "./debug/dwarf/protocol.ts";
import { addressOf, ElfError, type ElfInfo, readElf } from "../elf/elf.ts";
import type { Libdw } from "./libdw/libdw.ts";
import { type Plt, readPlt } from "./plt.ts";
import { RegularFile } from "../elf/regular_file.ts";
import { SymbolTable } from "./symbol_table.ts";

/** Files whose headers are kept; some hundred bytes each. */
const MAX_FILES = 8192;
/** Windows without a question after which a table above the budget is forgotten. */
const IDLE_WINDOWS = 6;
/** Tables above the budget may have so many times of it, together. */
const LARGE_SHARE = 4;

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
  /** The build id, or what names the file without one: equal files share what is whole. */
  readonly key: string;
}

/** A table that is kept while it is asked for. */
interface Large {
  readonly table: SymbolTable;
  window: number;
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
  /** @default what is not here is not asked for elsewhere */
  readonly downloads?: Downloads | undefined;
}

export interface ModuleStats {
  readonly tables: number;
  readonly tableBytes: number;
  /** Files whose symbols were read since the start. */
  readonly opened: number;
  /** Files that could not be read or made no sense. */
  readonly unreadable: number;
  /** Tables of symbols, and of stubs that call other files, that were passed over: for their size, or as damaged. */
  readonly skippedTables: number;
  /** Functions that were left out as a file's names are too long. */
  readonly droppedFunctions: number;
}

/** Tells modules apart and keeps their symbol tables. */
export class Modules {
  readonly #libdw: Libdw;
  readonly #ofMapping = new WeakMap<Mapping, Module>();
  readonly #files = new LRUCache<string, Module>({ max: MAX_FILES });
  readonly #tables: LRUCache<string, SymbolTable>;
  readonly #tableBytes: number;
  /** Tables above the budget: kept while they are asked for, for to read them in each window is worse. */
  readonly #large = new Map<string, Large>();
  /** Build ids of files whose own symbols are not all: another copy, or a download, may have them. */
  readonly #partial = new LRUCache<string, true>({ max: MAX_FILES });
  readonly #improved = new Set<string>();
  readonly #debugPlaces: DebugPlaces;
  readonly #downloads: Downloads | undefined;
  /** Mappings whose file could not be reached in this window. */
  readonly #failed = new Set<Mapping>();
  #opened = 0;
  #unreadable = 0;
  #dropped = 0;
  #skippedStubs = 0;
  #next = 1;
  #window = 0;

  constructor({ libdw, tableBytes, downloads }: ModulesOptions) {
    this.#libdw = libdw;
    this.#downloads = downloads;
    this.#debugPlaces = new DebugPlaces({ downloads, max: MAX_FILES });
    this.#tableBytes = tableBytes;
    this.#tables = new LRUCache({ maxSize: tableBytes, sizeCalculation: (table) => table.bytes + 256 });
  }

  get stats(): ModuleStats {
    return {
      tables: this.#tables.size + this.#large.size,
      tableBytes: this.#tables.calculatedSize +
        [...this.#large.values()].reduce((sum, { table }) => sum + table.bytes, 0),
      opened: this.#opened,
      unreadable: this.#unreadable,
      skippedTables: this.#libdw.skippedTables + this.#skippedStubs,
      droppedFunctions: this.#dropped,
    };
  }

  endWindow(): void {
    this.#window++;
    let bytes = 0;
    for (const [key, { table, window }] of [...this.#large].reverse()) {
      bytes += table.bytes;
      const idle = this.#window - window > IDLE_WINDOWS;
      if (idle || bytes > LARGE_SHARE * this.#tableBytes) this.#large.delete(key);
    }
    this.#failed.clear();
    this.#takeDownloads(new Set(this.#downloads?.takeFound()));
  }

  /** The modules whose names may be better than those that were found until now; each is told once. */
  takeImproved(): number[] {
    if (this.#improved.size === 0) return [];
    const modules = [...this.#files.values()].filter(({ buildId }) => this.#improved.has(buildId));
    this.#improved.clear();
    return modules.map(({ number }) => number);
  }

  /** The module that is mapped there; `undefined` when the file cannot be reached, now or any more. */
  of(place: MappedFile): Module | undefined {
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
  hasSymbols(module: Module): boolean {
    return this.#known(module) !== undefined;
  }

  /** The functions of `module`; `undefined` when its file cannot be reached any more. */
  symbols(module: Module, place: MappedFile): SymbolTable | undefined {
    const known = this.#known(module);
    if (known) return known;
    const read = this.#readSymbols(module, place);
    if (read === undefined) return undefined;
    const { table, whole } = read;
    this.#dropped += table.dropped;
    this.#keep(whole ? module.key : module.identity, table);
    if (!whole && module.buildId !== "") this.#partial.set(module.buildId, true);
    if (!whole && module.elf && !module.elf.truncated) this.#downloads?.want(module.buildId);
    if (whole && this.#partial.delete(module.buildId)) this.#improved.add(module.buildId);
    return table;
  }

  /** Where the debug information of `module` can be read, found once; `undefined` where there is none. */
  debugPlace(module: Module, place: MappedFile): DebugPlace | undefined {
    return this.#debugPlaces.of(module, { paths: pathsTo(place), roots: rootsOf(place) });
  }

  /** Looks for the debug information of `module` anew, as the file that was found is gone. */
  forgetDebugPlace(module: Module): void {
    this.#debugPlaces.forget(module);
  }

  /** Forgets of modules what debug files may know better that have come. */
  #takeDownloads(found: ReadonlySet<string | undefined>): void {
    if (found.size === 0) return;
    for (const module of this.#files.values()) {
      if (!found.has(module.buildId) && !found.has(this.#debugPlaces.missingOf(module))) continue;
      this.#debugPlaces.forget(module);
      for (const key of [module.key, module.identity]) {
        this.#tables.delete(key);
        this.#large.delete(key);
      }
      this.#improved.add(module.buildId);
    }
  }

  #known({ key, identity }: Module): SymbolTable | undefined {
    const table = this.#tables.get(key) ?? this.#tables.get(identity);
    if (table) return table;
    const large = this.#large.get(key) ?? this.#large.get(identity);
    if (large) large.window = this.#window;
    return large?.table;
  }

  #keep(key: string, table: SymbolTable): void {
    if (table.bytes > this.#tableBytes / 2) this.#large.set(key, { table, window: this.#window });
    else this.#tables.set(key, table);
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

  #readSymbols(module: Module, place: MappedFile): { table: SymbolTable; whole: boolean } | undefined {
    if (module.elf === undefined || module.elf.truncated) {
      return { table: SymbolTable.build([]), whole: false };
    }
    const roots = rootsOf(place);
    for (const path of pathsTo(place)) {
      let plt: Plt;
      {
        // Only the file that was identified, not another that has its name now.
        using file = RegularFile.open(path);
        if (file?.identity !== module.identity) continue;
        plt = readPlt(file);
      }
      this.#opened++;
      const { buildId } = module;
      const downloaded = this.#downloads?.pathOf(buildId);
      try {
        const tables = this.#libdw.fileSymbols(path, {
          name: module.path,
          findDebugFile: (link) => findDebugFile({ path: module.path, buildId, roots, downloaded }, link),
        });
        this.#skippedStubs += plt.skipped;
        return { table: SymbolTable.build(tables, plt.stubs), whole: tables.some(({ full }) => full) };
      } catch {
        this.#unreadable++;
      }
    }
    return undefined;
  }
}

/** The root folder of the process, then that of the agent. */
function rootsOf({ process }: MappedFile): string[] {
  return [`${process.folder}/root`, ""];
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
  // Where the process is gone, what is called so here may be the same file.
  if (!mapping.deleted) paths.push(`${folder}/root${mapping.path}`, mapping.path);
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
