// SPDX-License-Identifier: Apache-2.0
/**
 * Asks for the inlined functions and the lines of addresses, which come from debug information, later.
 *
 * @module
 */

import type { CodeFile } from "../../elf/code_file.ts";
import { type Frame, RANK } from "../../../profile/model.ts";
import type { Demangler } from "../../../symbols/names/demangle.ts";
import { DebugClient, type DebugClientOptions, type DebugStats, type NoFrames } from "./dwarf/client.ts";
import { type FrameCache, isOffset } from "../frame_cache.ts";
import type { SourceFrame } from "../../../symbols/libdw/dwarf.ts";
import type { DebugInfoLocator } from "./debug_info_locator.ts";

export interface InliningOptions {
  readonly locator: Pick<DebugInfoLocator, "of" | "forget">;
  /** The cache holds the frames that become better. */
  readonly frames: FrameCache;
  readonly demangler: Demangler;
  /** The debug information that is open may take so many bytes, and what reads it rests as long as it is told. */
  readonly debug: DebugClientOptions;
}

/** Addresses of one file whose inlined functions and lines are wanted. */
interface Wanted {
  readonly file: CodeFile;
  readonly addresses: number[];
}

/** Holds what debug information has of an address. */
interface Answer {
  readonly file: CodeFile;
  readonly address: number;
  readonly found: readonly SourceFrame[] | NoFrames;
}

/** Addresses that may wait for the next {@linkcode Inlining.settle}. */
const MAX_WANTED = 65_536;

/** Puts inlined functions and lines into the frames that the symbol tables gave. */
export class Inlining implements AsyncDisposable {
  readonly #locator: InliningOptions["locator"];
  readonly #frames: FrameCache;
  readonly #demangler: Demangler;
  readonly #debug: DebugClient;
  readonly #wanted = new Map<number, Wanted>();
  #wantedCount = 0;
  #dropped = 0;
  /** Files whose debug information cannot be used. */
  readonly #undebuggable = new WeakSet<CodeFile>();
  /** They came, and are taken by the next {@linkcode settle}: names do not change while a window is named. */
  readonly #answers: Answer[] = [];

  constructor({ locator, frames, demangler, debug }: InliningOptions) {
    this.#locator = locator;
    this.#frames = frames;
    this.#demangler = demangler;
    this.#debug = new DebugClient(debug);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#debug[Symbol.asyncDispose]();
  }

  /** Returns whether `pid` is a process of the agent's own that reads debug information. */
  isReader(pid: number): boolean {
    return this.#debug.isReader(pid);
  }

  /** Returns the process that reads debug information, while there is one. */
  get readerPid(): number | undefined {
    return this.#debug.pid;
  }

  /** Gives up the debug information that is open, unless it is being read. */
  shed(): void {
    this.#debug.rest();
  }

  get stats(): DebugStats {
    const stats = this.#debug.stats;
    return { ...stats, dropped: stats.dropped + this.#dropped };
  }

  endWindow(): void {
    this.#debug.endWindow();
  }

  /** Notes an address of `file` whose frame is in the cache, for the next {@linkcode settle}. */
  want(file: CodeFile, address: number): void {
    if (this.#undebuggable.has(file)) return;
    if (this.#locator.of(file) === undefined) return;
    if (this.#wantedCount >= MAX_WANTED) {
      this.#dropped++;
      this.#frames.delete(file.serial, address); // So that it is asked for again.
      return;
    }
    this.#wantedCount++;
    const wanted = this.#wanted.get(file.serial);
    if (wanted) wanted.addresses.push(address);
    else this.#wanted.set(file.serial, { file, addresses: [address] });
  }

  /**
   * Asks for all that is wanted and waits for the answers, but not longer than `ms`; those that come later are taken
   * the next time.
   *
   * @returns whether frames in the cache became better
   */
  async settle(ms: number): Promise<boolean> {
    const wanted = [...this.#wanted.values()];
    this.#wanted.clear();
    this.#wantedCount = 0;
    for (const { file, addresses } of wanted) this.#ask(file, addresses);
    await this.#debug.settle(ms);
    let improved = false;
    for (const answer of this.#answers.splice(0)) if (this.#take(answer)) improved = true;
    return improved;
  }

  #ask(file: CodeFile, addresses: readonly number[]): void {
    const debugPlace = this.#locator.of(file);
    if (debugPlace === undefined) return;
    this.#debug.ask(
      file.key,
      debugPlace,
      addresses,
      (address, found) => this.#answers.push({ file, address, found }),
    );
  }

  /**
   * Puts the functions that are inlined at an address before the one that is named already.
   *
   * @returns whether there are such, or lines
   */
  #take({ file, address, found }: Answer): boolean {
    if (found === "never") {
      this.#undebuggable.add(file);
    } else if (found === "later") {
      this.#locator.forget(file);
      this.#frames.delete(file.serial, address); // So that it is asked for again.
    } else {
      const named = this.#frames.get(file.serial, address)?.at(-1);
      if (named === undefined || found.length === 0) return false;
      const frames = found.map((source, i) => this.#frame(named, source, i === found.length - 1));
      this.#frames.set(file.serial, address, frames);
      return true;
    }
    return false;
  }

  /**
   * The symbol table's name of the function that is really there is kept, as it is the one that is known
   * without debug information, too; one that only has an offset is not a name.
   */
  #frame(named: Frame, { function: name, ...place }: SourceFrame, outermost: boolean): Frame {
    const better = name !== "" && !(outermost && !isOffset(named));
    const text = better ? this.#demangler.declared(name) : named.function;
    return { ...named, ...place, function: text, inlined: !outermost, rank: RANK.debug };
  }
}
