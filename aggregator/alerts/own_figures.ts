// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what an aggregator knows of itself. It needs no storage, whose outage is what some of these rules are for.
 *
 * @module
 */

import { type Estimate, estimate, estimateShare } from "./estimate.ts";
import type { MeasuredGroups } from "./measure.ts";
import type { OwnMeasure, Rule } from "./rule.ts";

/** Is what the aggregator is like now; counters count since its start. */
export interface OwnReading {
  /** Is from 0 to 1: batches or bytes, whichever is fuller. */
  readonly bufferUtilization: number;
  readonly pendingRows: number;
  readonly pushOk: number;
  readonly pushErrors: number;
  readonly flushErrors: number;
  readonly events: number;
}

/** Two readings that are kept are so far apart, in ms, at least: a week of them is bounded. */
const APART_MS = 10_000;
const MAX_READINGS = 7 * 8640;

/** Remembers readings for as long as windows are. */
export class OwnFigures {
  readonly #name: string;
  readonly #read: () => OwnReading;
  readonly #readings: { readonly at: number; readonly reading: OwnReading }[] = [];

  /** @param name of this aggregator among all */
  constructor(name: string, read: () => OwnReading) {
    this.#name = name;
    this.#read = read;
  }

  /** Remembers how it is at `now` (Unix ms), for windows of `keepMs` at most. */
  look(now: number, keepMs: number): void {
    const last = this.#readings.at(-1);
    if (last && now - last.at < APART_MS) return;
    this.#readings.push({ at: now, reading: this.#read() });
    // The first of a window lies at its begin or before.
    while (
      this.#readings.length > 1 &&
      (this.#readings[1]!.at <= now - keepMs || this.#readings.length > MAX_READINGS)
    ) this.#readings.shift();
  }

  /** Measures `rule` at `now` (Unix ms): one group, of this aggregator. */
  measure(rule: Rule & { readonly measure: OwnMeasure }, now: number): MeasuredGroups {
    const from = now - rule.window;
    const first = this.#readings.findLast(({ at }) => at <= from) ?? this.#readings[0];
    const current = this.#read();
    const before = first?.reading ?? current;
    const seconds = Math.max(1, (now - (first?.at ?? now)) / 1000);
    const since = (of: "pushOk" | "pushErrors" | "flushErrors" | "events") => current[of] - before[of];
    const exact = (value: number): Estimate => estimate(value, 0, Infinity);
    const figures: Readonly<Record<OwnMeasure, () => Estimate>> = {
      buffer_utilization: () => exact(current.bufferUtilization),
      clickhouse_pending_rows: () => exact(current.pendingRows),
      push_errors_total: () => exact(current.pushErrors),
      clickhouse_flush_errors: () => exact(since("flushErrors")),
      event_throughput: () => exact(since("events") / seconds),
      push_error_rate: () => {
        const errors = since("pushErrors");
        return estimateShare(errors, errors + since("pushOk"), rule.noise);
      },
    };
    const measured = figures[rule.measure]();
    const group = { labels: { aggregator: this.#name }, now: measured, estimate: measured };
    return { groups: [group], cut: 0, range: { from, to: now } };
  }
}
