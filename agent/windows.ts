// SPDX-License-Identifier: Apache-2.0
/**
 * Takes windows out of the kernel in time: each when it is due, and the last one when the run is over, whatever else is
 * under way then.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { type Clock, type Moment, type Stamps, WindowStamps } from "./clock.ts";
import type { Captures } from "./capture.ts";
import type { Collector } from "./collectors/collector.ts";
import { type Drained, Drains, type DrainsOptions } from "./drains.ts";

export interface WindowsOptions extends DrainsOptions {
  readonly windowMs: number;
  /** The run is over after this long, or when `signal` aborts. */
  readonly durationMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Since then there is counted what the first window has. @default {now} */
  readonly begun?: Moment | undefined;
  /** Returns the beats of `windowMs` that the next window has. */
  readonly beats: () => number;
  /** Says at which frequency to sample. */
  readonly captures?: Pick<Captures, "frequency"> | undefined;
  /** It is called when the run is over, while the last window is taken: what is named then is waited for. */
  readonly onEnd: () => void;
}

/** A window that is no longer in the kernel. */
export interface TakenWindow {
  readonly drained: Drained;
  readonly stamped: Stamps;
  /** The frequency at which it was sampled, where that is not the usual one. */
  readonly captured: number | undefined;
  /** It was taken so long after it was due, and that took so long, in ms. */
  readonly late: number;
  readonly drain: number;
  /** No window comes after it. */
  readonly isLast: boolean;
}

/** Takes windows on a fixed beat: what naming and handing on take does not move the next one. */
export class Windows implements Disposable {
  readonly #options: WindowsOptions;
  readonly #drains: Drains;
  readonly #stamps: WindowStamps;
  readonly #frequencies: Frequencies;
  readonly #begin: number;
  /** Aborts when the run is over. */
  readonly #over = new AbortController();
  readonly #disposed = new AbortController();
  readonly #onAbort = () => this.#end();
  /** Settles when the window that is being taken is. */
  #turn: Promise<void> = Promise.resolve();
  #last: Promise<TakenWindow> | undefined;
  #beat = 0;

  constructor(options: WindowsOptions) {
    const { durationMs, signal, clock, begun } = options;
    this.#options = options;
    this.#drains = new Drains(options);
    this.#stamps = new WindowStamps(clock, begun);
    this.#frequencies = new Frequencies(options);
    this.#begin = clock.monotonic();
    if (signal.aborted) this.#end();
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (durationMs === Infinity) return;
    delay(durationMs, { signal: this.#disposed.signal }).then(() => this.#end(), () => {});
  }

  /** Waits until the next window is due, and takes it. Not to be called after the last one. */
  async next(): Promise<TakenWindow> {
    const { windowMs, durationMs, clock, beats } = this.#options;
    this.#beat += beats();
    const due = this.#begin + this.#beat * windowMs;
    // Beats that passed while others were named are all of this window. Had each its own, they would have next to nothing
    // in them, and an agent that was late once would be late for as long.
    this.#beat = Math.max(this.#beat, Math.floor((clock.monotonic() - this.#begin) / windowMs));
    const elapsed = this.#beat * windowMs;
    // One that is due already is not waited for; the last is taken by the end of the run alone.
    const ms = elapsed >= durationMs ? Infinity : Math.max(0, due - clock.monotonic());
    await this.#overWithin(ms);
    return await (this.#last ?? this.#take({ due, isLast: false }));
  }

  [Symbol.dispose](): void {
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#disposed.abort();
    this.#drains[Symbol.dispose]();
  }

  async #overWithin(ms: number): Promise<void> {
    const { signal } = this.#over;
    if (signal.aborted) return;
    if (ms !== Infinity) return await delay(ms, { signal }).catch(() => {});
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  #end(): void {
    if (this.#last) return;
    const due = this.#options.clock.monotonic();
    this.#last = this.#take({ due, isLast: true });
    // Nothing is drained any more while the rest is named.
    this.#last.catch(() => {}).finally(() => this.#drains[Symbol.dispose]());
    this.#over.abort();
    this.#options.onEnd();
  }

  async #take({ due, isLast }: { due: number; isLast: boolean }): Promise<TakenWindow> {
    const { clock } = this.#options;
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      const begun = clock.monotonic();
      // The new one holds from this drain on; what is drained was counted at the old one.
      const captured = this.#frequencies.next();
      const drained = await this.#drains.take();
      const drain = clock.monotonic() - begun;
      const late = Math.max(0, begun - due);
      return { drained, stamped: this.#stamps.end(), captured, late, drain, isLast };
    } finally {
      resolve();
    }
  }
}

/** Sets the frequency of what samples by time. */
class Frequencies {
  readonly #options: Pick<WindowsOptions, "captures"> & { readonly collectors: readonly Collector[] };
  readonly #usual: number | undefined;
  #now: number | undefined;

  constructor(options: Pick<WindowsOptions, "captures" | "collectors">) {
    this.#options = options;
    this.#usual = this.#now = options.captures?.frequency();
  }

  /** Sets that of the next window, and returns that of the one that ends where it is not the usual one. */
  next(): number | undefined {
    const { captures, collectors } = this.#options;
    const ends = this.#now;
    this.#now = captures?.frequency();
    if (this.#now !== undefined && this.#now !== ends) {
      for (const collector of collectors) collector.setFrequency?.(this.#now);
    }
    return ends === this.#usual ? undefined : ends;
  }
}
