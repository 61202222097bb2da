// SPDX-License-Identifier: Apache-2.0
/**
 * Does what a local run needs before its clock starts: the tables are loaded by which stacks are walked.
 *
 * @module
 */

import type { Collector } from "./collectors/collector.ts";
import type { Unwinder } from "./unwind/unwinder.ts";

/** Ways for a walk to end that a table or a mapping would have mended, of `enum aperture_stack_end`. */
const COLD_ENDS = ["no_process", "no_page", "no_mapping"];
/** No more than this part of the stacks of one round may be cold. */
const COLD_SHARE = 0.01;
/** What runs seldom is seen later, whatever is waited for. */
const MAX_MS = 8000;
const ROUND_MS = 250;
/** It takes so many rounds without a cold stack in a row, as one round has few of them. */
const WARM_ROUNDS = 2;

export interface WarmUpOptions {
  readonly collectors: readonly Collector[];
  readonly unwinder: Pick<Unwinder, "settle" | "warm" | "readAhead">;
  /** The only process that is watched. */
  readonly pid?: number | undefined;
  readonly signal: AbortSignal;
  /** @default {8000} */
  readonly maxMs?: number;
  /** Returns the time in ms. @default {performance.now} */
  readonly clock?: () => number;
}

/** Says what it took. */
export interface WarmUp {
  readonly ms: number;
  /** Is true when walks end as they should by now. */
  readonly warm: boolean;
}

/**
 * Has everything loaded that samples miss, until they miss nothing any more, or for 8 s. What is counted meanwhile is
 * thrown away.
 */
export async function warmUp(options: WarmUpOptions): Promise<WarmUp> {
  const { collectors, unwinder, pid, signal, maxMs = MAX_MS, clock = () => performance.now() } = options;
  const begin = clock();
  if (pid !== undefined) unwinder.warm(pid);
  let warmRounds = 0;
  while (!signal.aborted && warmRounds < WARM_ROUNDS && clock() - begin < maxMs) {
    await settledOrLate(unwinder.settle(), maxMs - (clock() - begin));
    // What was counted until here was walked by fewer tables.
    await Promise.all(collectors.map((collector) => collector.drain()));
    await unwinder.readAhead(ROUND_MS);
    const windows = await Promise.all(collectors.map((collector) => collector.drain()));
    let [all, cold] = [0, 0];
    for (const { stackEnds = new Map<string, number>() } of windows) {
      for (const [end, count] of stackEnds) {
        all += count;
        if (COLD_ENDS.includes(end)) cold += count;
      }
    }
    warmRounds = cold <= COLD_SHARE * all ? warmRounds + 1 : 0;
  }
  return { ms: clock() - begin, warm: warmRounds >= WARM_ROUNDS };
}

async function settledOrLate(settled: Promise<void>, ms: number): Promise<void> {
  let timer;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, Math.max(0, ms)));
  await Promise.race([settled, late]);
  clearTimeout(timer);
}
