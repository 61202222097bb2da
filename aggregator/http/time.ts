// SPDX-License-Identifier: Apache-2.0
/**
 * Reads times as a client writes them.
 *
 * @module
 */

import * as v from "valibot";
import { duration } from "../../common/settings.ts";

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i;
const UNIX_SECONDS = /^\d{1,11}(\.\d+)?$/;
const age = duration(0, 100 * 365 * 24 * 3600 * 1000);

/** Says what {@linkcode parseTime} reads, for messages. */
export const TIME_FORMS = "a time like now, -15m, 2026-01-31T12:00:00Z or Unix seconds";

/**
 * Reads `now`, an age (`-15m`, `-1h30m`), an RFC 3339 time or Unix seconds.
 *
 * @param now Unix milliseconds
 * @returns Unix milliseconds, whole; `undefined` when `text` is none of these
 */
export function parseTime(text: string, now: number): number | undefined {
  if (text === "now") return now;
  if (text.startsWith("-")) {
    const parsed = v.safeParse(age, text.slice(1));
    return parsed.success ? Math.round(now - parsed.output) : undefined;
  }
  if (UNIX_SECONDS.test(text)) return Math.round(Number(text) * 1000);
  if (!RFC3339.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** Returns Unix milliseconds as RFC 3339 in UTC. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}
