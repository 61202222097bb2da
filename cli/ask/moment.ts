// SPDX-License-Identifier: Apache-2.0
/**
 * Reads times as people write them: `15m`, `now-1h`, RFC 3339.
 *
 * @module
 */

import * as v from "valibot";
import { duration } from "../../common/settings.ts";

/** Is a time: so long ago by the aggregator's clock, or at a moment; both in ms. */
export type Moment = { readonly ago: number } | { readonly at: number };

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i;
const UNIX_SECONDS = /^\d{9,11}(\.\d+)?$/;
const AGE = duration(0, 100 * 365 * 86_400_000);
const MESSAGE = "a time like 15m, now-1h or 2026-01-31T12:00:00Z";

/** Reads `now`, `15m`, `-15m`, `now-1h30m`, RFC 3339, or Unix seconds of at least nine digits. */
export function moment(): v.GenericSchema<string, Moment> {
  return v.pipe(
    v.string(),
    v.check((text) => parseMoment(text) !== undefined, MESSAGE),
    v.transform((text) => parseMoment(text)!),
  );
}

/** Returns the time; `undefined` when `text` is none. */
export function parseMoment(text: string): Moment | undefined {
  if (text === "now") return { ago: 0 };
  if (UNIX_SECONDS.test(text)) return { at: Math.round(Number(text) * 1000) };
  if (RFC3339.test(text)) {
    const at = Date.parse(text);
    return Number.isNaN(at) ? undefined : { at };
  }
  const age = v.safeParse(AGE, text.replace(/^(now)?-/, ""));
  return age.success ? { ago: Math.round(age.output) } : undefined;
}

/** Returns the time `ms` before `moment`. */
export function before(moment: Moment, ms: number): Moment {
  return "ago" in moment ? { ago: moment.ago + ms } : { at: moment.at - ms };
}

/** Writes a time as REST takes it. */
export function formatMoment(moment: Moment): string {
  if ("at" in moment) return new Date(moment.at).toISOString();
  if (moment.ago === 0) return "now";
  const [unit, size] = UNITS.find(([, size]) => moment.ago % size === 0)!;
  return `-${moment.ago / size}${unit}`;
}

/** One of them divides any whole number of ms. */
const UNITS = [["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]] as const;
