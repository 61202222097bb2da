/**
 * Asks for the inlined functions and the lines of addresses, which come from debug information, later.
 *
 * @module
 */

import { type Frame, RANK } from "../../../profile/model.ts";
import type { Demangler } from "../names/demangle.ts";
import { DebugClient, type DebugStats, type NoFrames } from "./dwarf/client.ts";
import { type FrameCache, frameKey, isOffset } from "../frames.ts";
import type { SourceFrame } from "../libdw/dwarf.ts";
import type { MappedFile, Module, Modules } from "../modules.ts";

export interface InliningOptions {
  readonly modules: Pick<Modules, "debugPlace" | "forgetDebugPlace">;
  /** Where the frames are that become better. */
  readonly frames: FrameCache;
  readonly demangler: Demangler;
  /** For the debug information that is open. */
  readonly bytes: number;
}

/** Addresses of one module whose inlined functions and lines are wanted. */
interface Wanted {
  readonly module: Module;
  readonly place: MappedFile;
  readonly addresses: number[];
}

/** Addresses that may wait for the next {@linkcode Inlining.settle}. */
const MAX_WANTED = 65_536;

/** Puts inlined functions and lines into the frames that the symbol tables gave. */
export class Inlining implements Disposable {
  readonly #modules: InliningOptions["modules"];
  readonly #frames: FrameCache;
  readonly #demangler: Demangler;
  readonly #debug: DebugClient;
  readonly #wanted = new Map<number, Wanted>();
  #wantedCount = 0;
  #dropped = 0;
  /** Modules whose debug information cannot be used. */
  readonly #undebuggable = new Set<number>();
  #improved = false;

  constructor({ modules, frames, demangler, bytes }: InliningOptions) {
    this.#modules = modules;
    this.#frames = frames;
    this.#demangler = demangler;
    this.#debug = new DebugClient({ bytes });
  }

  [Symbol.dispose](): void {
    this.#debug[Symbol.dispose]();
  }

  get stats(): DebugStats {
    const stats = this.#debug.stats;
    return { ...stats, dropped: stats.dropped + this.#dropped };
  }

  endWindow(): void {
    this.#debug.endWindow();
  }

  /** Notes an address of `module` whose frame is in the cache, for the next {@linkcode settle}. */
  want(module: Module, place: MappedFile, address: number): void {
    if (this.#undebuggable.has(module.number)) return;
    if (this.#modules.debugPlace(module, place) === undefined) return;
    if (this.#wantedCount >= MAX_WANTED) {
      this.#dropped++;
      this.#frames.delete(frameKey(module, address)); // So that it is asked for again.
      return;
    }
    this.#wantedCount++;
    const wanted = this.#wanted.get(module.number);
    if (wanted) wanted.addresses.push(address);
    else this.#wanted.set(module.number, { module, place, addresses: [address] });
  }

  /**
   * Asks for all that is wanted and waits for the answers, but not longer than `ms`; those that come later are taken
   * when they come.
   *
   * @returns whether frames in the cache became better since the last time
   */
  async settle(ms: number): Promise<boolean> {
    const wanted = [...this.#wanted.values()];
    this.#wanted.clear();
    this.#wantedCount = 0;
    for (const { module, place, addresses } of wanted) this.#ask(module, place, addresses);
    await this.#debug.settle(ms);
    const improved = this.#improved;
    this.#improved = false;
    return improved;
  }

  #ask(module: Module, place: MappedFile, addresses: readonly number[]): void {
    const debugPlace = this.#modules.debugPlace(module, place);
    if (debugPlace === undefined) return;
    this.#debug.ask(
      module.key,
      debugPlace,
      addresses,
      (address, found) => this.#take(module, address, found),
    );
  }

  /** Puts the functions that are inlined at an address before the one that is named already. */
  #take(module: Module, address: number, found: readonly SourceFrame[] | NoFrames): void {
    const key = frameKey(module, address);
    if (found === "never") {
      this.#undebuggable.add(module.number);
    } else if (found === "later") {
      this.#modules.forgetDebugPlace(module);
      this.#frames.delete(key); // So that it is asked for again.
    } else {
      const named = this.#frames.peek(key)?.at(-1);
      if (named === undefined || found.length === 0) return;
      this.#improved = true;
      this.#frames.set(key, found.map((source, i) => this.#frame(named, source, i === found.length - 1)));
    }
  }

  /**
   * The symbol table's name of the function that is really there is kept, as it is the one that is known
   * without debug information, too; one that only has an offset is not a name.
   */
  #frame(named: Frame, { function: name, file, line }: SourceFrame, outermost: boolean): Frame {
    const better = name !== "" && !(outermost && !isOffset(named));
    const text = better ? this.#demangler.declared(name) : named.function;
    return { ...named, function: text, file, line, inlined: !outermost, rank: RANK.debug };
  }
}
