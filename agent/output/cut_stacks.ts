// SPDX-License-Identifier: Apache-2.0
/**
 * Says which program most stacks are of that could not be walked to their root, so that somebody can do something.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Profile, seriesAt } from "../../profile/model.ts";
import { processName } from "../../profile/process_name.ts";

const logger = getLogger(["aperture", "unwind"]);

/** It is said so often, in ms. */
const PERIOD_MS = 3_600_000;
/** Programs that are told apart in one period. */
const MAX_PROGRAMS = 4096;
const CUT = /^\[cut: (\w+)\]$/;

/** Sums cut stacks by program, and writes a line to the log once an hour. */
export class CutStacks {
  readonly #clock: () => number;
  readonly #programs = new Map<string, Map<string, number>>();
  #since: number;
  #all = 0;

  /** @param options.clock in ms @default {performance.now} */
  constructor({ clock = () => performance.now() }: { clock?: () => number } = {}) {
    this.#clock = clock;
    this.#since = clock();
  }

  /** Takes in a window. */
  add(profile: Profile): void {
    const { strings, frames, stacks, samples } = profile;
    for (const [row, count] of samples.count.entries()) {
      const stack = samples.stack[row]!;
      const last = stacks.frame[stacks.offset[stack + 1]! - 1];
      this.#all += count;
      if (last === undefined || stacks.offset[stack] === stacks.offset[stack + 1]) continue;
      const reason = CUT.exec(strings[frames.function[last]!]!)?.[1];
      if (reason === undefined) continue;
      const series = seriesAt(profile, samples.series[row]!);
      this.#count(series.exe || processName(series), { reason, count });
    }
    if (this.#clock() - this.#since >= PERIOD_MS) this.#say();
  }

  /** Returns the program with the most cut stacks; `undefined` when there were none. */
  get most(): { readonly program: string; readonly reason: string; readonly count: number } | undefined {
    const sums = [...this.#programs].map(([program, reasons]) => {
      const [[reason]] = [...reasons].sort(([, a], [, b]) => b - a) as [[string, number]];
      return { program, reason, count: reasons.values().reduce((sum, count) => sum + count, 0) };
    });
    return sums.sort((a, b) => b.count - a.count)[0];
  }

  #count(program: string, { reason, count }: { reason: string; count: number }): void {
    let reasons = this.#programs.get(program);
    if (!reasons) {
      if (this.#programs.size >= MAX_PROGRAMS) return;
      this.#programs.set(program, reasons = new Map());
    }
    reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  }

  #say(): void {
    const { most } = this;
    if (most) {
      logger.info("Most stacks that are cut are of {program}: {count} of {all} samples, mostly {reason}", {
        ...most,
        all: this.#all,
      });
    }
    this.#programs.clear();
    this.#all = 0;
    this.#since = this.#clock();
  }
}
