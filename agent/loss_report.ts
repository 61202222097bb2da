// SPDX-License-Identifier: Apache-2.0
/**
 * Says what was lost: at once when it begins, then once a minute, in words and with what helps.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { lasting } from "../common/words.ts";
import { splitLosses } from "../profile/losses.ts";
import { addCounts } from "./window_sum.ts";
import { lossWords } from "./loss_words.ts";

const logger = getLogger(["aperture", "agent"]);

const EVERY_MS = 60_000;
/** Of the events of the same time, what is less is in the metrics and in every batch, but no matter for the log. */
const LEAST_SHARE = 0.001;

/** Adds up what windows lost. */
export class LossReport {
  readonly #clock: () => number;
  #said = -Infinity;
  #since: number;
  #events = 0;
  #lost = new Map<string, number>();

  /** @param clock in ms. @default {performance.now} */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#since = clock();
  }

  /** Takes what a window recorded and lost, and says what was lost if it is time for that. */
  add(events: number, losses: ReadonlyMap<string, number>): void {
    this.#events += events;
    addCounts(this.#lost, splitLosses(losses).lost);
    const now = this.#clock();
    if (this.#lost.size === 0) {
      if (now - this.#since >= EVERY_MS) [this.#since, this.#events] = [now, 0];
      return;
    }
    if (now - this.#said < EVERY_MS) return;
    const lost = this.#lost.values().reduce((sum, count) => sum + count, 0);
    if (lost >= LEAST_SHARE * (this.#events + lost)) {
      this.#said = now;
      logger.warn("Lost in the last {time}: {losses}", {
        time: lasting(now - this.#since),
        losses: [...this.#lost].sort(([, a], [, b]) => b - a).map(([loss, count]) => lossWords(loss, count))
          .join("; "),
      });
    }
    this.#events = 0;
    this.#lost = new Map();
    this.#since = now;
  }
}
