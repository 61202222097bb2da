// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses the tables that a range of time is read from: the coarsest where their buckets are whole, and finer ones at the
 * edges of these. So a month is some thousand times fewer rows, and no sum is another.
 *
 * @module
 */

import { QuestionError } from "./asked.ts";
import { type Resolution, RESOLUTIONS } from "../storage/resolutions.ts";

/** Is a resolution, and for how long it is worth to be read. */
export interface CoverResolution extends Resolution {
  /**
   * It is read for so many seconds at least: a partition (a day of minutes, a month of days) is looked through as a
   * whole, as time comes last in its order, and has more rows than a shorter time of the next finer one.
   */
  readonly least: number;
}

const LEAST = { "10s": 0, "1m": 6 * 3600, "1h": 3 * 3600, "1d": 5 * 86_400 } as const;

/** Lists the resolutions from the coarsest on. */
export const COVER_RESOLUTIONS: readonly CoverResolution[] = RESOLUTIONS.map((resolution) => {
  return { ...resolution, least: LEAST[resolution.name] };
}).reverse();

/** Is a part of a range: the buckets of one resolution that begin from `from` up to before `to`, in Unix seconds. */
export interface CoverPart {
  readonly resolution: CoverResolution;
  readonly from: number;
  readonly to: number;
}

export interface CoverOptions {
  /** The answer has a sum every so many seconds: only tables that divide it can be used. @default {Infinity} */
  readonly step?: number;
  /** The tables are in the order of time: each is read for any time that is whole in it. @default {false} */
  readonly timeFirst?: boolean;
  /** Coarser tables are left out. @default {"1d"} */
  readonly coarsest?: Resolution["name"];
  /** Is the first second of which there still are buckets of 10 s, and of minutes. @default {0} for both */
  readonly oldest?: { readonly fine: number; readonly minutes: number };
}

/** DateTime is 32 bits of seconds; this is the last whole day of it. */
const END = Math.floor(2 ** 32 / 86_400) * 86_400;
const { ceil, floor, max, min } = Math;

/**
 * Covers the buckets of 10 s that begin from `from` up to before `to` (Unix ms) by the coarsest tables. Where
 * the finer ones do not reach back, the range begins with their first whole bucket.
 *
 * @returns parts in their order in time, none of which is empty
 * @throws {RangeError} when a time is not a number
 */
export function coverTime(from: number, to: number, options: CoverOptions = {}): CoverPart[] {
  const { step = Infinity, coarsest = "1d", timeFirst = false, oldest = { fine: 0, minutes: 0 } } = options;
  const allowed = COVER_RESOLUTIONS.slice(COVER_RESOLUTIONS.findIndex(({ name }) => name === coarsest))
    .map((each) => timeFirst ? { ...each, least: 0 } : each);
  const start = toSecond("from", from);
  const end = toSecond("to", to);
  const parts = cover(start, end, allowed.filter((each) => step === Infinity || step % each.step === 0));
  return parts.flatMap((part) => reach(part, oldest)).filter((part) => part.from < part.to);
}

function cover(from: number, to: number, resolutions: readonly CoverResolution[]): CoverPart[] {
  const [resolution, ...finer] = resolutions;
  if (!resolution || from >= to) return [];
  const { step, least } = resolution;
  const [first, last] = [ceil(from / step) * step, floor(to / step) * step];
  if (first >= last || last - first < least) return cover(from, to, finer);
  return [...cover(from, first, finer), { resolution, from: first, to: last }, ...cover(last, to, finer)];
}

/** Reads what a part's tables do not have any more from the next ones: those of their buckets that begin within. */
function reach(part: CoverPart, oldest: NonNullable<CoverOptions["oldest"]>): CoverPart[] {
  const { resolution } = part;
  const next = COVER_RESOLUTIONS[COVER_RESOLUTIONS.findIndex(({ step }) => step === resolution.step) - 1];
  // Hours reach back as far as anything.
  const first = { "10s": oldest.fine, "1m": oldest.minutes, "1h": 0, "1d": 0 }[resolution.name];
  if (next === undefined || part.from >= first) return [part];
  const up = (second: number) => ceil(second / next.step) * next.step;
  const end = min(up(first), up(part.to));
  const older = { resolution: next, from: up(part.from), to: max(up(part.from), end) };
  return [...reach(older, oldest), { ...part, from: max(part.from, min(end, part.to)) }];
}

/**
 * Returns the second of a time. A bucket that begins at or after `ms` begins at or after the ten seconds that follow.
 */
function toSecond(name: "from" | "to", ms: number): number {
  if (Number.isNaN(ms)) {
    throw new QuestionError(`Cannot select a time that is not a number: '${name}' is ${ms}`);
  }
  return min(max(ceil(ms / 10_000) * 10, 0), END);
}
