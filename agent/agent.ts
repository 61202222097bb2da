/**
 * The agent's loop: once a window, what the kernel counted is drained, named and handed on.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { Collector } from "./collectors/collector.ts";
import type { Symboliser } from "./symbols/symboliser.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import { type Frame, type Profile, type Total, totalOf } from "../profile/model.ts";

/** How long a window waits for inlined functions and lines that were not known before. */
const MAX_SETTLE_MS = 1000;

/** One window, named. */
export interface Recording {
  readonly profile: Profile;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly losses: ReadonlyMap<string, number>;
}

export interface RecordOptions {
  readonly collectors: readonly Collector[];
  readonly symboliser: Symboliser;
  readonly windowMs: number;
  /** Stop after this long; without it, when `signal` aborts. */
  readonly durationMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Unix milliseconds with a fraction. @default {performance.timeOrigin + performance.now()} */
  readonly clock?: () => number;
}

/**
 * Yields one recording a window until the time is over or the signal aborts, the last one shorter.
 *
 * Windows begin on a fixed beat: what naming and handing on take does not move the next one.
 */
export async function* record(options: RecordOptions): AsyncGenerator<Recording> {
  const { collectors, symboliser, windowMs, durationMs = Infinity, signal } = options;
  const clock = options.clock ?? (() => performance.timeOrigin + performance.now());
  // What is counted meanwhile is counted for the next window.
  const settleMs = Math.min(MAX_SETTLE_MS, windowMs / 2);
  const begin = clock();
  let start = begin;
  for (let window = 1;; window++) {
    const due = begin + Math.min(window * windowMs, durationMs);
    await delay(Math.max(0, due - clock()), { signal }).catch((error) => {
      if (!signal.aborted) throw error;
    });
    const drained = collectors.map((collector) => ({ kind: collector.kind, ...collector.drain() }));
    const end = Math.max(clock(), start + 0.001);
    const builder = new ProfileBuilder();
    const losses = new Map<string, number>();
    // The symboliser gives equal frames as one object, nearly always: to look that up is cheaper than its text.
    const rowOf = new Map<Frame, number>();
    const frameRow = (frame: Frame) => {
      let row = rowOf.get(frame);
      if (row === undefined) rowOf.set(frame, row = builder.frame(frame));
      return row;
    };
    for (const { kind, samples, losses: lost } of drained) {
      let stacks = samples.map((sample) => symboliser.stack(sample));
      if (await symboliser.settle(settleMs)) stacks = samples.map((sample) => symboliser.stack(sample));
      for (const [i, sample] of samples.entries()) {
        const process = symboliser.process(sample.pid);
        const series = builder.series({ pid: sample.pid, comm: sample.comm, exe: process?.exe ?? "" });
        const rows = stacks[i]!.map(frameRow);
        builder.add(kind, series, builder.stack(rows), sample.value, sample.count);
      }
      for (const [reason, count] of lost) losses.set(reason, (losses.get(reason) ?? 0) + count);
    }
    symboliser.endWindow();
    yield { profile: builder.build(), startNs: nanoseconds(start), endNs: nanoseconds(end), losses };
    if (signal.aborted || due - begin >= durationMs) return;
    start = end;
  }
}

/** What a run recorded, summed over its windows. */
export class Summary {
  readonly #losses = new Map<string, number>();
  #total: Total = { value: 0, count: 0 };
  #windows = 0;

  get total(): Total {
    return this.#total;
  }

  get windows(): number {
    return this.#windows;
  }

  get losses(): ReadonlyMap<string, number> {
    return this.#losses;
  }

  add({ profile, losses }: Recording): void {
    const { value, count } = totalOf(profile);
    this.#total = { value: this.#total.value + value, count: this.#total.count + count };
    this.#windows++;
    for (const [reason, lost] of losses) this.#losses.set(reason, (this.#losses.get(reason) ?? 0) + lost);
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1e3)) * 1000n;
}
