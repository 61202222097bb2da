// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the resolutions of time in storage, and makes the tables of all from the definition of one.
 *
 * @module
 */

/** Is a resolution of time in storage. */
export interface Resolution {
  /** Is what a definition calls it. */
  readonly name: "10s" | "1m" | "1h" | "1d";
  /** Is what its tables' names end in. */
  readonly suffix: "" | "_1m" | "_1h" | "_1d";
  /** A bucket has so many seconds. */
  readonly step: number;
  /** Is the function of ClickHouse that returns the beginning of a period: partitions are made of these. */
  readonly startOfPeriod: "toStartOfHour" | "toStartOfDay" | "toStartOfMonth";
  /** A period has so many hours at most. */
  readonly periodHours: number;
}

/** Lists the resolutions from the finest on. */
export const RESOLUTIONS = [
  { name: "10s", suffix: "", step: 10, startOfPeriod: "toStartOfHour", periodHours: 1 },
  { name: "1m", suffix: "_1m", step: 60, startOfPeriod: "toStartOfDay", periodHours: 24 },
  { name: "1h", suffix: "_1h", step: 3600, startOfPeriod: "toStartOfDay", periodHours: 24 },
  { name: "1d", suffix: "_1d", step: 86_400, startOfPeriod: "toStartOfMonth", periodHours: 31 * 24 },
] as const satisfies readonly Resolution[];

/** Lists the resolutions of each table that has rows of time. */
const TIMED_TABLES = {
  samples: ["10s", "1m", "1h", "1d"],
  locks: ["10s", "1m", "1h"],
  holds: ["10s", "1m", "1h"],
  syscalls: ["10s", "1m", "1h"],
  slow_calls: ["10s", "1m", "1h"],
  profiles: ["10s", "1m", "1h"],
  totals: ["1m", "1h"],
} as const satisfies Readonly<Record<string, readonly Resolution["name"][]>>;

/** Returns the names of all tables of a resolution. */
export function tablesOf({ name, suffix }: Resolution): string[] {
  return Object.entries(TIMED_TABLES).filter(([, names]) => names.some((each) => each === name))
    .map(([table]) => `${table}${suffix}`);
}

/** Makes the beginning of the period of `time`, which is an expression of a DateTime in UTC. */
export function periodSql({ startOfPeriod }: Pick<Resolution, "startOfPeriod">, time: string): string {
  // The beginning of a month is a Date.
  return `toDateTime(${startOfPeriod}(${time}), 'UTC')`;
}

const LIST = /\{((?:10s|1m|1h|1d)(?:,(?:10s|1m|1h|1d))*)\}/;

/**
 * Returns the statement for each resolution that it is of: `NAME{10s,1m}` lists these, and stands for the table's name.
 * `{suffix}` is what such names end in, `{step}` the seconds of a bucket; `{period}` and `{bucket}` are what the
 * row of the table of 10 s that the statement selects from has in this resolution.
 *
 * @returns the statement itself where it lists none
 */
export function forResolutions(statement: string): string[] {
  const names = LIST.exec(statement)?.[1]?.split(",");
  if (names === undefined) return [statement];
  const source = /\bFROM (\w+)/.exec(statement)?.[1];
  return RESOLUTIONS.filter(({ name }) => names.includes(name)).map((resolution) => {
    const period = periodSql(resolution, `${source}.period`);
    const second = `toUInt32(${source}.period) - toUInt32(${period}) + ${source}.bucket * ${
      RESOLUTIONS[0].step
    }`;
    return statement.replace(LIST, resolution.suffix)
      .replaceAll("{suffix}", resolution.suffix)
      .replaceAll("{step}", String(resolution.step))
      .replaceAll("{period}", period)
      .replaceAll("{bucket}", `toUInt16(intDiv(${second}, ${resolution.step}))`);
  });
}
