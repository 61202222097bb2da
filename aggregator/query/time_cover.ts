// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses the tables that a range of time is read from: hours where they are whole, minutes at their edges, and buckets
 * of 10 s at the edges of these. So a day is some thousand times fewer rows, and no sum is another.
 *
 * @module
 */

/** Is a resolution of time in storage. */
export interface Resolution {
  /** Is what its tables' names end in. */
  readonly suffix: "" | "_1m" | "_1h";
  /** A bucket has so many seconds. */
  readonly step: number;
  /**
   * It is read for so many seconds at least: a partition (a month of hours, a day of minutes) is looked through as a
   * whole, as time comes last in its order, and has more rows than a shorter time of the next finer one.
   */
  readonly least: number;
}

/** Lists the resolutions from the coarsest on. */
export const RESOLUTIONS = [
  { suffix: "_1h", step: 3600, least: 72 * 3600 },
  { suffix: "_1m", step: 60, least: 6 * 3600 },
  { suffix: "", step: 10, least: 0 },
] as const satisfies readonly Resolution[];

/** Is a part of a range: the buckets of one resolution that begin from `from` up to before `to`, in Unix seconds. */
export interface CoverPart {
  readonly resolution: Resolution;
  readonly from: number;
  readonly to: number;
}

export interface CoverOptions {
  /** The answer has a sum every so many seconds: only tables that divide it can be used. @default {Infinity} */
  readonly step?: number;
  /** Is the first second of which there still are buckets of 10 s, and of minutes. @default {0} for both */
  readonly oldest?: { readonly fine: number; readonly minutes: number };
}

/** DateTime is 32 bits of seconds; this is the last whole hour of it. */
const END = Math.floor(2 ** 32 / 3600) * 3600;
const { ceil, floor, max, min } = Math;

/**
 * Covers the buckets of 10 s that begin from `from` up to before `to` (Unix ms) by the coarsest tables. Where
 * the finer ones do not reach back, the range begins with their first whole bucket.
 *
 * @returns parts in their order in time, none of which is empty
 * @throws {RangeError} when a time is not a number
 */
export function coverTime(from: number, to: number, options: CoverOptions = {}): CoverPart[] {
  const { step = Infinity, oldest = { fine: 0, minutes: 0 } } = options;
  const start = toSecond("from", from);
  const end = toSecond("to", to);
  const parts = cover(start, end, RESOLUTIONS.filter((each) => step === Infinity || step % each.step === 0));
  return parts.flatMap((part) => reach(part, oldest)).filter((part) => part.from < part.to);
}

function cover(from: number, to: number, resolutions: readonly Resolution[]): CoverPart[] {
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
  const next = RESOLUTIONS[RESOLUTIONS.findIndex(({ step }) => step === resolution.step) - 1];
  const first = resolution.step === 10 ? oldest.fine : oldest.minutes;
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
  if (Number.isNaN(ms)) throw new RangeError(`Cannot select a time that is not a number: '${name}' is ${ms}`);
  return min(max(ceil(ms / 10_000) * 10, 0), END);
}
