// SPDX-License-Identifier: Apache-2.0
/**
 * Reckons with times: what `-15m` is now, how long a step is, and how a moment is written.
 *
 * @module
 */

/** Goes from `from` up to before `to`, in Unix milliseconds. */
export interface TimeWindow {
  readonly from: number;
  readonly to: number;
}

const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
/** Storage has no finer buckets. */
const BUCKET_MS = 10_000;

/** Reads `now`, an age like `-15m` or `-1h30m`, or a time in RFC 3339. @returns Unix ms, `undefined` for none of these */
export function parseMoment(text: string, now: number): number | undefined {
  if (text === "now") return now;
  if (text.startsWith("-")) {
    const age = parseDuration(text.slice(1));
    return age === undefined ? undefined : now - age;
  }
  const time = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Reads `15m` or `1h30m` as milliseconds. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+[smhdw])+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+)([smhdw])/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!,
    0,
  );
}

/** Writes milliseconds as {@linkcode parseDuration} reads them, in the largest units. */
export function formatDuration(ms: number): string {
  let left = Math.max(Math.round(ms / 1000), 1) * 1000;
  let text = "";
  for (const unit of ["d", "h", "m", "s"]) {
    const n = Math.floor(left / UNITS[unit]!);
    if (n > 0) text += `${n}${unit}`;
    left -= n * UNITS[unit]!;
  }
  return text;
}

/**
 * Returns the window that `from` and `to` stand for, on the bounds of storage's buckets, so that all parts of the page
 * ask for the same; what cannot be read is the last quarter of an hour.
 */
export function windowOf(from: string, to: string, now: number): TimeWindow {
  // An hour is an hour: what is said of ages is reckoned from the end of the present bucket.
  const present = Math.ceil(now / BUCKET_MS) * BUCKET_MS;
  const end = parseMoment(to, present) ?? present;
  const begin = parseMoment(from, present) ?? end - 15 * UNITS["m"]!;
  const first = Math.floor(Math.min(begin, end) / BUCKET_MS) * BUCKET_MS;
  const last = Math.ceil(Math.max(begin, end) / BUCKET_MS) * BUCKET_MS;
  return { from: first, to: Math.max(last, first + BUCKET_MS) };
}

const STEPS = [10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** Returns the shortest step, in seconds, of which `window` has at most `most`. */
export function stepOf({ from, to }: TimeWindow, most: number): number {
  const seconds = (to - from) / 1000;
  return STEPS.find((step) => seconds / step <= most) ?? STEPS.at(-1)!;
}

/** Returns the window as long as `window` and `by` times its length later. */
export function shift({ from, to }: TimeWindow, by: number): TimeWindow {
  const ms = Math.round((to - from) * by / BUCKET_MS) * BUCKET_MS;
  return { from: from + ms, to: to + ms };
}

/** Returns the window with the same middle and `factor` times the length, at least one bucket's. */
export function widen({ from, to }: TimeWindow, factor: number, at = 0.5): TimeWindow {
  const length = Math.max((to - from) * factor, BUCKET_MS);
  const middle = from + (to - from) * at;
  return {
    from: Math.round((middle - length * at) / BUCKET_MS) * BUCKET_MS,
    to: Math.round((middle + length * (1 - at)) / BUCKET_MS) * BUCKET_MS,
  };
}

/** Returns the time as `2026-01-31T12:00:00Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+/, "");
}

/** Says in which zone times are shown. */
export type Zone = "utc" | "local";

/** Returns `15:04:05`, with the date where that is not `near`'s, without seconds where they are 0. */
export function clock(
  ms: number,
  { zone, near, seconds }: { zone: Zone; near?: number; seconds?: boolean },
): string {
  const [date, time] = parts(ms, zone);
  const shown = seconds === false || seconds === undefined && time.endsWith(":00") ? time.slice(0, 5) : time;
  return near !== undefined && parts(near, zone)[0] === date ? shown : `${date} ${shown}`;
}

/**
 * Returns `15:00 – 15:15` where that is of today, else with dates and without seconds; a date has its year where that is
 * not the present one.
 */
export function spanText({ from, to }: TimeWindow, { zone, now }: { zone: Zone; now: number }): string {
  const [today] = parts(now, zone);
  const [[first, begin], [last, end]] = [parts(from, zone), parts(to, zone)];
  if (first === today && last === today) {
    return `${clock(from, { zone, near: now })} – ${clock(to, { zone, near: now })}`;
  }
  const day = (date: string) => date.slice(0, 4) === today.slice(0, 4) ? date.slice(5) : date;
  return `${day(first)} ${begin.slice(0, 5)} – ${first === last ? "" : `${day(last)} `}${end.slice(0, 5)}`;
}

function parts(ms: number, zone: Zone): [date: string, time: string] {
  const moment = new Date(zone === "utc" ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000);
  const text = moment.toISOString();
  return [text.slice(0, 10), text.slice(11, 19)];
}
