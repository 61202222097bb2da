// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the JSON that Aperture writes: a profile's columns as they are.
 *
 * @module
 */

import * as v from "valibot";
import { viewOf } from "../../profile/idle.ts";
import { JSON_VERSION } from "../../profile/formats/json.ts";
import { type Kind, KIND_NUMBER, KINDS, type Profile } from "../../profile/model.ts";
import { NO_HOLDS, NO_LOCKS, NO_SLOW_CALLS, NO_SYSCALLS } from "../../profile/no_rows.ts";
import { FormatError, type Loaded } from "./loaded.ts";

const rows = v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 32 - 1)));
const amounts = v.array(v.pipe(v.number(), v.finite(), v.minValue(0)));

const FRAMES = {
  ...{ function: rows, module: rows, file: rows, line: rows, buildId: rows, address: amounts },
  ...{ startLine: rows, inlined: rows, rank: rows },
};
const SERIES = {
  process: v.optional(rows),
  ...{
    pid: rows,
    comm: rows,
    exe: rows,
    container: rows,
    pod: rows,
    namespace: rows,
    service: rows,
    labels: rows,
  },
};
const SAMPLES = { kind: rows, series: rows, stack: rows, value: amounts, count: amounts };
const LOCKS = {
  address: v.optional(rows),
  ...{
    outcome: rows,
    series: rows,
    stack: rows,
    class: rows,
    type: rows,
    holderSeries: rows,
    holderStack: rows,
  },
  ...{ count: amounts, delay: amounts, max: amounts, histogramOffset: rows, histogram: amounts },
};
const SYSCALLS = {
  ...{ series: rows, call: rows, category: rows, count: amounts, total: amounts, min: amounts, max: amounts },
  ...{ errorOffset: rows, errno: rows, errorCount: amounts, histogramOffset: rows, histogram: amounts },
  ...{ open: amounts, oldest: amounts },
};

const DOCUMENT = v.object({
  version: v.literal(JSON_VERSION),
  startNs: v.pipe(v.string(), v.regex(/^\d{1,20}$/)),
  durationNs: v.pipe(v.number(), v.minValue(0)),
  strings: v.pipe(v.array(v.string()), v.minLength(1)),
  frames: v.object(FRAMES),
  stacks: v.object({ offset: v.pipe(rows, v.minLength(1)), frame: rows }),
  series: v.object(SERIES),
  samples: v.object(SAMPLES),
  locks: v.object(LOCKS),
  syscalls: v.object(SYSCALLS),
});

/**
 * Returns what `text` holds of a kind; of the first that it has where none is said.
 *
 * @throws {FormatError} saying what is wrong with the file
 */
export function readJson(text: string, wanted?: Kind): Loaded {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`it is no JSON: ${(cause as Error).message}`);
  }
  const parsed = v.safeParse(DOCUMENT, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new FormatError(
      `it is no profile of Aperture's: ${v.getDotPath(issue) ?? "the whole"} is not as it should be`,
    );
  }
  const document = whole(parsed.output);
  checkRows(document);
  const profile = profileOf(document);
  const types = KINDS.filter((kind) => hasKind(profile, kind));
  const kind = wanted ?? types[0] ?? "cpu";
  if (wanted !== undefined && !types.includes(wanted)) {
    throw new FormatError(`it has nothing of ${wanted}, but of ${types.join(", ") || "no kind"}`);
  }
  const { startNs, durationNs } = document;
  return {
    format: "json",
    profile,
    kind,
    type: kind,
    unit: "nanoseconds",
    types,
    startNs: BigInt(startNs),
    durationNs,
    left: 0,
  };
}

function hasKind(profile: Profile, kind: Kind): boolean {
  if (kind === "lock") return viewOf(profile, kind, { idle: true }).samples.kind.includes(KIND_NUMBER.lock);
  return profile.samples.kind.includes(KIND_NUMBER[kind]) ||
    (kind === "syscall" && profile.syscalls.call.length > 0);
}

/** Returns a document with the columns that older ones have not: their rows say nothing. */
function whole({ series, locks, ...document }: v.InferOutput<typeof DOCUMENT>) {
  const none = ({ length }: { readonly length: number }) => new Array<number>(length).fill(0);
  return {
    ...document,
    series: { ...series, process: series.process ?? none(series.pid) },
    locks: { ...locks, address: locks.address ?? none(locks.outcome) },
  };
}

type Document = ReturnType<typeof whole>;

/** Holds columns to their lengths, and rows to the tables that they are of. @throws {FormatError} */
function checkRows({ strings, frames, stacks, series, samples, locks, syscalls }: Document): void {
  const stackCount = stacks.offset.length - 1;
  const limits: readonly (readonly [string, readonly number[], number])[] = [
    ...(["function", "module", "file", "buildId"] as const).map((name) =>
      [name, frames[name], strings.length] as const
    ),
    ...(["comm", "exe", "container", "pod", "namespace", "service", "labels", "process"] as const)
      .map((name) => [name, series[name], strings.length] as const),
    ["stacks.frame", stacks.frame, frames.function.length],
    ...[samples, locks].flatMap((table) => [
      ["series", table.series, series.pid.length] as const,
      ["stack", table.stack, stackCount] as const,
    ]),
    ["samples.kind", samples.kind, KINDS.length + 1],
    ["locks.class", locks.class, strings.length],
    ["locks.type", locks.type, strings.length],
    ["locks.address", locks.address, strings.length],
    ["locks.outcome", locks.outcome, 5],
    ["locks.holderSeries", locks.holderSeries, series.pid.length + 1],
    ["locks.holderStack", locks.holderStack, stackCount + 1],
    ["syscalls.series", syscalls.series, series.pid.length],
    ["syscalls.call", syscalls.call, strings.length],
    ["syscalls.category", syscalls.category, strings.length],
  ];
  for (const [name, column, limit] of limits) {
    if (column.some((row) => row >= limit)) {
      throw new FormatError(`it refers to a row that is not there: ${name}`);
    }
  }
  checkLengths("frames", frames);
  checkLengths("series", series);
  checkLengths("samples", samples);
  const { histogramOffset, histogram, ...lockColumns } = locks;
  checkLengths("locks", lockColumns);
  checkOffsets("locks.histogramOffset", {
    offsets: histogramOffset,
    rows: locks.count.length,
    of: histogram,
  });
  const { errorOffset, errno, errorCount, histogramOffset: callOffset, histogram: calls, ...callColumns } =
    syscalls;
  checkLengths("syscalls", callColumns);
  checkLengths("syscalls.errors", { errno, errorCount });
  checkOffsets("syscalls.errorOffset", { offsets: errorOffset, rows: syscalls.call.length, of: errno });
  checkOffsets("syscalls.histogramOffset", { offsets: callOffset, rows: syscalls.call.length, of: calls });
  checkOffsets("stacks.offset", { offsets: stacks.offset, rows: stackCount, of: stacks.frame });
}

function checkLengths(name: string, columns: Readonly<Record<string, readonly number[]>>): void {
  if (new Set(Object.values(columns).map(({ length }) => length)).size > 1) {
    throw new FormatError(`its columns have different lengths: ${name}`);
  }
}

function checkOffsets(
  name: string,
  { offsets, rows, of }: { offsets: readonly number[]; rows: number; of: readonly number[] },
): void {
  const rising = offsets.every((offset, i) => i === 0 ? offset === 0 : offset >= offsets[i - 1]!);
  if (offsets.length !== rows + 1 || !rising || offsets.at(-1) !== of.length) {
    throw new FormatError(`its offsets are wrong: ${name}`);
  }
}

function profileOf({ strings, frames, stacks, series, samples, locks, syscalls }: Document): Profile {
  return {
    strings,
    holds: NO_HOLDS,
    slowCalls: NO_SLOW_CALLS,
    frames: typed<Profile["frames"]>(frames, { address: Float64Array }),
    stacks: typed<Profile["stacks"]>(stacks),
    series: typed<Profile["series"]>(series),
    samples: typed<Profile["samples"]>(samples, {
      kind: Uint8Array,
      value: Float64Array,
      count: Float64Array,
    }),
    locks: typed<Profile["locks"]>(locks, likeness(NO_LOCKS)),
    syscalls: typed<Profile["syscalls"]>(syscalls, likeness(NO_SYSCALLS)),
  };
}

type Typed = Uint8ArrayConstructor | Uint32ArrayConstructor | Float64ArrayConstructor;

/** Returns the types of a table's columns. */
function likeness(table: object): Record<string, Typed> {
  return Object.fromEntries(
    Object.entries(table).map(([name, column]) => [name, column.constructor as Typed]),
  );
}

function typed<T extends object>(
  columns: { readonly [K in keyof T]: readonly number[] },
  types: Readonly<Record<string, Typed>> = {},
): T {
  const entries = Object.entries<readonly number[]>(columns);
  return Object.fromEntries(
    entries.map(([name, column]) => [name, (types[name] ?? Uint32Array).from(column)]),
  ) as T;
}
