// SPDX-License-Identifier: Apache-2.0
/**
 * The kernel's functions by address: of the kernel proper, its modules and BPF programs.
 *
 * Addresses are the low 48 bits, for a number holds 53 exactly and the 16 bits above are all ones.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Frame, KERNEL_MODULE } from "../../../profile/model.ts";
import { buildIdOfNotes } from "../../../symbols/elf/elf.ts";
import type { KsymbolChanges } from "../../libbpf/mod.ts";
import { onlineCpus } from "../../collectors/cpus.ts";
import { DynamicCode } from "./dynamic_code.ts";
import {
  type DynamicSymbol,
  type KallsymsTable,
  type LastFunction,
  type ModuleExtent,
  parseKallsyms,
  parseModules,
  readDynamic,
  readKallsyms,
} from "./kallsyms.ts";

const logger = getLogger(["aperture", "symbols"]);
const decoder = new TextDecoder();

/** A symbol has no size in kallsyms; what is farther from it than this belongs to something unnamed. */
const MAX_FUNCTION_BYTES = 4 << 20;
/** Addresses that have no name are remembered between two readings, so many. */
const MAX_SEEN = 65_536;
/** Without notes of the kernel: so many windows pass at most from one reading to the next. */
const MAX_PAUSE_WINDOWS = 64;

/** Tells of code that the kernel makes while it runs; `KsymbolEvents` is it. */
export interface KsymbolSource extends Disposable {
  take(): KsymbolChanges;
  /** Returns whether it tells of all CPUs that there are now. */
  covers(cpus: readonly number[]): boolean;
}

export interface KernelSymbolsOptions {
  /** @default {"/proc"} */
  readonly procRoot?: string;
  /** @default {"/sys"} */
  readonly sysRoot?: string;
  /** Opens what tells of changes. @default none: then the table is read again, seldom */
  readonly openChanges?: (() => KsymbolSource) | undefined;
  /** @default {those that are online} */
  readonly cpus?: () => readonly number[];
}

/**
 * Finds the function of a kernel address.
 *
 * The table is read once. It is read again when a module came or went; of BPF programs and the like the kernel's own
 * notes tell what changed. Where notes are lost, they alone are read again, if a sample is in one.
 */
export class KernelSymbols implements Disposable {
  readonly #procRoot: string;
  readonly #sysRoot: string;
  readonly #openChanges: (() => KsymbolSource) | undefined;
  readonly #cpus: () => readonly number[];
  readonly #buildIds = new Map<string, string>();
  readonly #dynamic = new DynamicCode();
  #changes: KsymbolSource | undefined;
  #table: KallsymsTable;
  /** In the file, only what is dynamic comes after this. */
  #last: LastFunction = { at: 0, address: 0, name: "" };
  /** Notes were lost: what is dynamic must be read before the next one is asked for. */
  #isStale = false;
  /** Maps a module's name to where its code lies. */
  #modules: ReadonlyMap<string, ModuleExtent> = new Map();
  #modulesText: string;
  /** Addresses without a name that were asked for since the table was read. */
  readonly #seen = new Set<number>();
  #toldHidden = false;
  #readings = 0;
  #dynamicReadings = 0;
  /** Tells what may be looked at again in this window. */
  #mayCheckModules = false;
  #mayReload = false;
  /** Without notes: windows until the table may be read again, which double while there was no reason to. */
  #pause = 1;
  #paused = 0;

  constructor(options: KernelSymbolsOptions = {}) {
    const { procRoot = "/proc", sysRoot = "/sys", openChanges, cpus = onlineCpus } = options;
    this.#procRoot = procRoot;
    this.#sysRoot = sysRoot;
    this.#openChanges = openChanges;
    this.#cpus = cpus;
    this.#table = parseKallsyms(new Uint8Array()).table;
    this.#modulesText = this.#readModules();
    this.#listen();
    this.#load();
  }

  [Symbol.dispose](): void {
    this.#changes?.[Symbol.dispose]();
    this.#changes = undefined;
  }

  /** Returns the number of functions that are known. */
  get size(): number {
    return this.#table.size;
  }

  /** The table takes so many bytes in memory. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** Returns how often the whole table was read. */
  get readings(): number {
    return this.#readings;
  }

  /** Returns how often what is dynamic was read again without the rest. */
  get dynamicReadings(): number {
    return this.#dynamicReadings;
  }

  /**
   * Takes in what came and went, and forgets what went before this window. Modules are looked for again from now on,
   * where they are needed.
   */
  endWindow(): void {
    this.#dynamic.endWindow();
    this.#mayCheckModules = true;
    if (this.#changes) this.#takeChanges();
    else if (++this.#paused >= this.#pause) this.#mayReload = true;
  }

  /** Tells whether `address` is in the kernel proper, whose functions stay where they are until the next boot. */
  isStatic(address: number): boolean {
    return address >= this.#table.text && address < this.#table.end;
  }

  /**
   * Returns the function at `address` (its low 48 bits). Where the kernel hides its addresses all are one frame
   * without an address, so that none is disclosed by a profile either.
   */
  frame(address: number): Frame {
    if (this.#table.size === 0) return this.#frame(KERNEL_MODULE, KERNEL_MODULE, 0);
    const symbol = this.isStatic(address) ? this.#table.find(address) : this.#findMoving(address);
    if (symbol === undefined || address - symbol.address > MAX_FUNCTION_BYTES) {
      const offset = this.isStatic(address) ? address - this.#table.text : 0;
      const name = offset > 0 ? `${KERNEL_MODULE}+0x${offset.toString(16)}` : KERNEL_MODULE;
      return this.#frame(name, KERNEL_MODULE, offset);
    }
    const { name, module } = symbol;
    if (module === "") return this.#frame(name, KERNEL_MODULE, address - this.#table.text);
    // BPF programs and trampolines have no module that could count: their offset is from their own start.
    const base = this.#modules.get(module)?.start ?? symbol.address;
    return this.#frame(name, `[${module}]`, address - base);
  }

  #frame(name: string, module: string, address: number): Frame {
    return { function: name, module, file: "", line: 0, buildId: this.#buildIdOf(module), address };
  }

  /** Finds a symbol in a module, or in code that the kernel made while it runs. */
  #findMoving(address: number): { address: number; name: string; module: string } | undefined {
    if (this.#mayCheckModules) this.#checkModules();
    if (this.#isInModule(address)) return this.#table.find(address);
    if (this.#isStale) this.#loadDynamic();
    const known = this.#dynamic.find(address);
    if (known || this.#seen.has(address)) return known;
    if (this.#changes) this.#takeChanges();
    else if (this.#mayReload) this.#reload();
    if (this.#isStale) this.#loadDynamic();
    const found = this.#dynamic.find(address);
    if (!found && this.#seen.size < MAX_SEEN) this.#seen.add(address);
    // Where modules hide where they lie, the nearest function is that of one.
    return found ?? (this.#modules.size === 0 ? this.#table.find(address) : undefined);
  }

  #isInModule(address: number): boolean {
    for (const { start, end } of this.#modules.values()) if (address >= start && address < end) return true;
    return false;
  }

  #checkModules(): void {
    this.#mayCheckModules = false;
    const text = this.#readModules();
    if (text === this.#modulesText) return;
    this.#modulesText = text;
    this.#load();
  }

  #takeChanges(): void {
    if (!this.#changes!.covers(this.#cpus())) {
      this.#listen();
      this.#isStale = true;
      return;
    }
    const { changes, lost } = this.#changes!.take();
    if (lost) this.#isStale = true;
    // What came and went since is in what will be read.
    if (this.#isStale) return;
    for (const change of changes) this.#dynamic.apply(change);
    if (changes.length > 0) this.#seen.clear();
  }

  /** Listens from before the table is read on, so that nothing is missed between. */
  #listen(): void {
    this.#changes?.[Symbol.dispose]();
    this.#changes = undefined;
    try {
      this.#changes = this.#openChanges?.();
    } catch (error) {
      logger.info("BPF programs that come are named late, as the kernel does not tell of them: {reason}", {
        reason: (error as Error).message,
      });
    }
  }

  /**
   * Reads what is dynamic without notes. A program whose address another one had, and was asked for, keeps that name for a
   * while.
   */
  #reload(): void {
    const before = this.#dynamic.size;
    this.#loadDynamic();
    this.#pause = this.#dynamic.size === before ? Math.min(this.#pause * 2, MAX_PAUSE_WINDOWS) : 1;
  }

  /** Reads what is dynamic again, and the rest only where it is not what it was. */
  #loadDynamic(): void {
    const dynamic = readDynamic(`${this.#procRoot}/kallsyms`, this.#last);
    if (dynamic === undefined) return this.#load();
    this.#dynamicReadings++;
    this.#renew(dynamic);
  }

  #load(): void {
    this.#readings++;
    const { table, dynamic, last } = readKallsyms(`${this.#procRoot}/kallsyms`);
    this.#table = table;
    this.#last = last;
    this.#renew(dynamic);
    this.#modules = parseModules(this.#modulesText);
    if (this.#table.size === 0 && !this.#toldHidden) {
      this.#toldHidden = true;
      logger.warn(
        "Cannot name kernel functions as the kernel hides their addresses: see /proc/sys/kernel/kptr_restrict",
      );
    }
  }

  /** Takes what is dynamic as it was just read: nothing before it counts. */
  #renew(dynamic: readonly DynamicSymbol[]): void {
    this.#mayReload = false;
    this.#paused = 0;
    this.#isStale = false;
    this.#seen.clear();
    this.#dynamic.replace(dynamic);
  }

  #readModules(): string {
    return decoder.decode(read(`${this.#procRoot}/modules`));
  }

  #buildIdOf(module: string): string {
    let id = this.#buildIds.get(module);
    if (id === undefined) {
      const notes = module === KERNEL_MODULE
        ? `${this.#sysRoot}/kernel/notes`
        : `${this.#sysRoot}/module/${module.slice(1, -1)}/notes/.note.gnu.build-id`;
      this.#buildIds.set(module, id = buildIdOfNotes(read(notes)));
    }
    return id;
  }
}

function read(path: string): Uint8Array<ArrayBuffer> {
  try {
    return Deno.readFileSync(path);
  } catch {
    return new Uint8Array();
  }
}
