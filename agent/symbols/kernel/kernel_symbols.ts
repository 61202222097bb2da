/**
 * The kernel's functions by address: of the kernel proper, its modules and BPF programs.
 *
 * Addresses are the low 48 bits, for a number holds 53 exactly and the 16 bits above are all ones.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Frame, KERNEL_MODULE } from "../../../profile/model.ts";
import { buildIdOfNotes } from "../../elf/elf.ts";
import { type KallsymsTable, type ModuleExtent, parseKallsyms, parseModules } from "./kallsyms.ts";

const logger = getLogger(["aperture", "symbols"]);
const decoder = new TextDecoder();

/** A symbol has no size in kallsyms; what is farther from it than this belongs to something unnamed. */
const MAX_FUNCTION_BYTES = 4 << 20;
/** Addresses of BPF programs that are remembered between two readings. */
const MAX_SEEN = 65_536;

export interface KernelSymbolsOptions {
  /** @default {"/proc"} */
  procRoot?: string;
  /** @default {"/sys"} */
  sysRoot?: string;
}

/** Finds the function of a kernel address. */
export class KernelSymbols {
  readonly #procRoot: string;
  readonly #sysRoot: string;
  readonly #buildIds = new Map<string, string>();
  #table: KallsymsTable;
  /** Maps a module's name to where its code lies. */
  #modules: ReadonlyMap<string, ModuleExtent> = new Map();
  #modulesText = "";
  /** Addresses outside of the kernel and its modules that were asked for since the table was read. */
  readonly #seen = new Set<number>();
  #toldHidden = false;
  /** Tells what of the changing part may be looked at again in this window. */
  #mayCheckModules = false;
  #mayReload = false;

  constructor({ procRoot = "/proc", sysRoot = "/sys" }: KernelSymbolsOptions = {}) {
    this.#procRoot = procRoot;
    this.#sysRoot = sysRoot;
    this.#table = parseKallsyms(new Uint8Array());
    this.#modulesText = decoder.decode(read(`${procRoot}/modules`));
    this.#load();
  }

  /** Returns the number of functions that are known. */
  get size(): number {
    return this.#table.size;
  }

  /** The table takes so many bytes in memory. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** Modules and BPF programs that came or went are looked for again from now on, where they are needed. */
  endWindow(): void {
    this.#mayCheckModules = true;
    this.#mayReload = true;
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
    if (!this.isStatic(address)) this.#refresh(address);
    const symbol = this.#table.find(address);
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

  /**
   * Reads the table again when modules changed, or when `address` is that of a BPF program or trampoline
   * that was not asked for before. To read 200,000 lines takes some 100 ms, so it is not done in every
   * window: a program whose address another one had, and was asked for, keeps that name for a while.
   */
  #refresh(address: number): void {
    if (this.#mayCheckModules) {
      this.#mayCheckModules = false;
      const text = decoder.decode(read(`${this.#procRoot}/modules`));
      if (text !== this.#modulesText) {
        this.#modulesText = text;
        return this.#load();
      }
    }
    for (const { start, end } of this.#modules.values()) if (address >= start && address < end) return;
    if (this.#seen.has(address)) return;
    if (this.#mayReload) this.#load();
    if (this.#seen.size < MAX_SEEN) this.#seen.add(address);
  }

  #load(): void {
    this.#mayReload = false;
    this.#seen.clear();
    this.#table = parseKallsyms(read(`${this.#procRoot}/kallsyms`));
    this.#modules = parseModules(this.#modulesText);
    if (this.#table.size === 0 && !this.#toldHidden) {
      this.#toldHidden = true;
      logger.warn(
        "Cannot name kernel functions as the kernel hides their addresses: see /proc/sys/kernel/kptr_restrict",
      );
    }
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
