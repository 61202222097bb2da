// SPDX-License-Identifier: Apache-2.0
/**
 * Takes what the kernel counted out of its maps: at the end of a window, and before, where maps fill.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Burst } from "../common/log.ts";
import { TupleTable } from "../common/tuple_table.ts";
import type { Kind } from "../profile/model.ts";
import { untilBeat } from "./beat.ts";
import type { Brief, BriefProcesses } from "./brief_processes.ts";
import type { CallTable } from "./collectors/call_table.ts";
import type { Collector, ProgramOf } from "./collectors/collector.ts";
import { FillPace, WATERMARK } from "./fill_pace.ts";
import { type SummedWindow, WindowSum } from "./window_sum.ts";

/** After so many failures of one collector in a row, there is no use in going on. */
const MAX_FAILURES = 3;

export interface DrainsOptions {
  readonly collectors: readonly Collector[];
  readonly processes: BriefProcesses;
  /** Returns what two processes agree in that are told as one where both were brief, such as their program. */
  readonly group: (process: ProgramOf) => string;
}

/** Holds what was counted in a window. */
export interface Drained {
  /** They are in the order of the collectors. */
  readonly windows: readonly (SummedWindow & { readonly kind: Kind })[];
  readonly brief: Brief;
  /** Counts how often maps were emptied before the window's end, as they filled. */
  readonly early: number;
  /** Is called by who has named the window, and does not look at it any more: what its calls are in is used again. */
  readonly release: () => void;
}

/** Drains until it is disposed of. */
export class Drains implements Disposable {
  readonly #options: DrainsOptions;
  readonly #burst = new Burst(getLogger(["aperture", "agent"]));
  readonly #early = new Map<Collector, Promise<void>>();
  readonly #failures = new Map<Collector, number>();
  readonly #paces: ReadonlyMap<Collector, FillPace>;
  #sums: Map<Collector, WindowSum>;
  /** Calls of the next window are added up in what those of one before were. */
  readonly #spare = new Map<Collector, CallTable>();
  /** Holds, by group, the brief process that stands for all others of it. */
  #representatives = new Map<string, ProgramOf>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  constructor(options: DrainsOptions) {
    this.#options = options;
    this.#sums = this.#newSums();
    this.#paces = new Map(
      options.collectors.map((collector) => [collector, new FillPace(collector.fillsInMs)]),
    );
    this.#look();
  }

  /**
   * Returns what was counted since the last call. A drain that fails is said: what it took until then is in this window,
   * and what it would have taken is still in the kernel for the next one.
   *
   * @throws {Error} when a collector failed again and again
   */
  async take(): Promise<Drained> {
    const { collectors, processes } = this.#options;
    await Promise.all(this.#early.values());
    // At once, so that they wait for the kernel together.
    await Promise.all(collectors.map((collector) => this.#drain(collector, { early: false })));
    const sums = this.#sums;
    this.#sums = this.#newSums();
    this.#representatives = new Map();
    const windows = collectors.map((collector) => ({
      kind: collector.kind,
      ...sums.get(collector)!.build(),
    }));
    const drains = sums.values().reduce((sum, { drains }) => sum + drains, 0);
    const release = () => {
      for (const [i, { syscalls }] of windows.entries()) {
        syscalls.clear();
        this.#spare.set(collectors[i]!, syscalls);
      }
    };
    return { windows, brief: processes.endWindow(), early: Math.max(0, drains - collectors.length), release };
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
  }

  #newSums(): Map<Collector, WindowSum> {
    return new Map(this.#options.collectors.map((collector) => {
      const spare = this.#spare.get(collector);
      this.#spare.delete(collector);
      return [collector, new WindowSum(spare)];
    }));
  }

  /** Looks whether maps fill, again and again. */
  #look(): void {
    let next = Infinity;
    const now = performance.now();
    for (const [collector, pace] of this.#paces) {
      const { fill } = collector;
      next = Math.min(next, pace.next(fill, now));
      if (fill >= WATERMARK) this.#drainEarly(collector);
    }
    if (!this.#disposed) this.#timer = setTimeout(() => this.#look(), untilBeat(Math.floor(next), now));
  }

  #drainEarly(collector: Collector): void {
    if (this.#early.has(collector)) return;
    const drain = this.#drain(collector, { early: true }).catch(() => {}).finally(() =>
      this.#early.delete(collector)
    );
    this.#early.set(collector, drain);
  }

  async #drain(collector: Collector, { early }: { early: boolean }): Promise<void> {
    try {
      const window = await collector.drain({ early });
      const brief = this.#options.processes.look();
      // Each row asks, and what is known of a process is not looked up for each.
      const numbers = new TupleTable();
      const known: ProgramOf[] = [];
      const represent = ({ pid, program = 0 }: ProgramOf) =>
        known[numbers.number(pid, program, 0, 0)] ??= this.#represent({ pid, program }, brief);
      this.#sums.get(collector)!.add(window, represent);
      window.release?.();
      if (window.failure !== undefined) throw window.failure;
      this.#failures.delete(collector);
    } catch (error) {
      if (this.#disposed) return;
      // Early ones come milliseconds after another, in which nothing has changed.
      const failures = (this.#failures.get(collector) ?? 0) + (early ? 0 : 1);
      this.#failures.set(collector, failures);
      if (failures >= MAX_FAILURES) throw error;
      const { kind } = collector;
      this.#burst.warn(
        kind,
        `Cannot take what was counted of ${kind}, will try again: ${(error as Error).message}`,
      );
    }
  }

  /** One brief process of each group stands for all, so that a window's rows are as many as its programs. */
  #represent(process: ProgramOf, brief: Brief): ProgramOf {
    if (!brief.has(process.pid)) return process;
    return this.#representatives.getOrInsertComputed(this.#options.group(process), () => process);
  }
}
