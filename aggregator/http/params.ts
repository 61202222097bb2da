// SPDX-License-Identifier: Apache-2.0
/**
 * Reads query parameters: what to select, and how much of it.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import * as v from "valibot";
import { integer, oneOf, toggle } from "../../common/settings.ts";
import { KINDS } from "../../profile/model.ts";
import { type AnyKind, isAnyKind } from "../../profile/profile_type.ts";
import { LABELS } from "../../profile/labels.ts";
import { type AnyLabel, isLabel, MatcherError, parseMatchers } from "../query/matchers.ts";
import { CODE_GROUPS, type GroupBy, isWaitGroup, WAIT_GROUPS } from "../query/stack_answers.ts";
import type { Selection, TimeRange } from "../query/asked.ts";
import { HttpError } from "./errors.ts";
import { parseTime, TIME_FORMS } from "./time.ts";

/** Turns the text of a parameter into a value; its issue's message completes "as it is not …". */
export interface Param<T> {
  readonly schema: v.GenericSchema<string, T>;
  /** Is the default as text; without it the parameter may be absent. */
  readonly default?: string;
}

// deno-lint-ignore no-explicit-any -- a table holds parameters of any type
type Params = Readonly<Record<string, Param<any>>>;

type Value<P> = P extends { readonly default: string; readonly schema: v.GenericSchema<string, infer T> } ? T
  : P extends { readonly schema: v.GenericSchema<string, infer T> } ? T | undefined
  : never;

type Values<P extends Params> = { readonly [K in keyof P]: Value<P[K]> };

/** Makes the parameter of at most so many rows; `byDefault` when it is not said. */
export function limitParam(byDefault: number, max: number): Param<number> & { default: string } {
  return { schema: integer(1, max), default: String(byDefault) };
}

/** Is a label's name. */
export const labelParam = { schema: labelName() } as const satisfies Param<AnyLabel>;
/** Says what boxes and weights measure. */
export const UNITS = ["nanoseconds", "count"] as const;
export const unitParam = { schema: oneOf(UNITS), default: "nanoseconds" } as const;

/** Lists at most so many labels: each makes the tree deeper. */
const MAX_LEVELS = 4;

/** Is the name of a node whose boxes were cut. */
export const underSchema = v.pipe(
  v.string(),
  v.check((text) => /^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n, "a name that an answer gave"),
);

/** Checks the labels whose values are a tree's first levels. */
export const levels = v.pipe(
  v.array(v.string()),
  v.check(
    (names) => names.length <= MAX_LEVELS && new Set(names).size === names.length && names.every(isLabel),
    `a list of at most ${MAX_LEVELS} different labels out of ${LABELS.join(", ")}, label_NAME`,
  ),
  v.transform((names) => names as AnyLabel[]),
);
/** Says which batches: those that are staged or stored, or those that storage refused. */
export const stateParam = { schema: oneOf(["all", "quarantined"]), default: "all" } as const;
/** Is text, not empty. */
export const textParam = { schema: v.pipe(v.string(), v.minLength(1, "a text")) } as const;

/** Lists names with commas between them, or as a JSON array where a name has a comma. */
export const listParam = {
  schema: v.pipe(v.string(), v.minLength(1, "a list of names"), v.transform(listOf)),
} as const satisfies Param<string[]>;

function listOf(text: string): string[] {
  if (text.startsWith("[")) {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list) && list.every((name) => typeof name === "string")) return list;
    } catch {
      // Names like `[kernel]` are no JSON.
    }
  }
  return text.split(",");
}

/** Lists what groups can be called, for messages. */
export const GROUPS = `${[...CODE_GROUPS, ...WAIT_GROUPS, ...LABELS].join(", ")}, label_NAME`;

/** Tells whether values can be grouped by `name`. */
export function isGroup(name: string): name is GroupBy {
  return CODE_GROUPS.some((group) => group === name) || isWaitGroup(name) || isLabel(name);
}

/**
 * Reads the parameters of `url` that `params` lists; others are refused, so that a slip of the pen is not
 * silently a wider answer.
 *
 * @throws {HttpError} 400, naming the parameter
 */
export function readParams<const P extends Params>(url: URL, params: P): Values<P> {
  refuseUnknown(url, (name) => Object.hasOwn(params, name));
  return readKnown(url, params);
}

/**
 * Reads a selection (`kind`, `from`, `to`, `idle`, `match`) and `params`.
 *
 * @param now Unix milliseconds
 * @throws {HttpError} 400, naming the parameter
 */
export function readSelection<const P extends Params>(
  url: URL,
  params: P,
  now: number,
): { selection: Selection; params: Values<P> } {
  const { kind } = readKnown(url, KIND);
  return readRest(url, params, { kind, now, known: KIND });
}

/**
 * Reads a selection of `kind`, which is no parameter then, and `params`.
 *
 * @param now Unix milliseconds
 * @throws {HttpError} 400, naming the parameter
 */
export function readSelectionOf<const P extends Params>(
  kind: AnyKind,
  url: URL,
  params: P,
  now: number,
): { selection: Selection; params: Values<P> } {
  return readRest(url, params, { kind, now, known: {} });
}

/**
 * Reads a range of time (`from`, `to`) and `params`.
 *
 * @param now Unix milliseconds
 * @throws {HttpError} 400, naming the parameter
 */
export function readRange<const P extends Params>(
  url: URL,
  params: P,
  now: number,
): { range: TimeRange; params: Values<P> } {
  const own = timeParams(now);
  refuseUnknown(url, (name) => [own, params].some((list) => Object.hasOwn(list, name)));
  const { from, to } = readKnown(url, own);
  if (from >= to) throw bad("Cannot select as 'from' is not before 'to'");
  return { range: { from, to }, params: readKnown(url, params) };
}

function timeParams(now: number) {
  return {
    from: { schema: time(now), default: "-15m" },
    to: { schema: time(now), default: "now" },
  } as const satisfies Params;
}

/** Makes the schema of a kind, or of a type of profile that others made. */
export function anyKind(): v.GenericSchema<string, AnyKind> {
  const message = `one of ${
    KINDS.join(", ")
  }, or a type of profile like memory:inuse_space:bytes:space:bytes`;
  return v.pipe(v.string(message), v.check(isAnyKind, message), v.transform((kind) => kind as AnyKind));
}

/** Says that stacks of kind lock are those of who held locks. */
export const holdersParam = { schema: toggle(), default: "false" } as const satisfies Param<boolean>;

const KIND = { kind: { schema: anyKind(), default: "cpu" } } as const satisfies Params;

function readRest<const P extends Params>(
  url: URL,
  params: P,
  { kind, now, known }: { kind: AnyKind; now: number; known: Params },
): { selection: Selection; params: Values<P> } {
  const own = {
    idle: { schema: toggle(), default: "false" },
    ...timeParams(now),
    match: { schema: v.string(), default: "" },
  } as const satisfies Params;
  refuseUnknown(
    url,
    (name) => [own, known, params].some((list) => Object.hasOwn(list, name)),
  );
  const { from, to, idle, match } = readKnown(url, own);
  return {
    selection: checkSelection({ kind, from, to, matchers: matchersOf("match", match), idle }),
    params: readKnown(url, params),
  };
}

/**
 * Returns `selection` when it can be asked for.
 *
 * @throws {HttpError} 400
 */
export function checkSelection(selection: Selection): Selection {
  if (selection.from >= selection.to) throw bad("Cannot select as 'from' is not before 'to'");
  return selection;
}

/** Makes the schema of the name of a label by which series can be chosen. */
export function labelName(): v.GenericSchema<string, AnyLabel> {
  const message = `one of ${LABELS.join(", ")}, label_NAME`;
  return v.pipe(v.string(message), v.check(isLabel, message), v.transform((name) => name as AnyLabel));
}

/**
 * Reads a selector.
 *
 * @param name of the parameter or field
 * @throws {HttpError} 400
 */
export function matchersOf(name: string, text: string): ReturnType<typeof parseMatchers> {
  try {
    return parseMatchers(text);
  } catch (error) {
    if (!(error instanceof MatcherError)) throw error;
    throw bad(`Cannot take '${name}': ${error.message}`);
  }
}

/** Makes the schema of a time at `now` or relative to it, in Unix milliseconds. */
export function time(now: number): v.GenericSchema<string, number> {
  return v.pipe(
    v.string(TIME_FORMS),
    v.check((text) => parseTime(text, now) !== undefined, TIME_FORMS),
    v.transform((text) => parseTime(text, now)!),
  );
}

function refuseUnknown(url: URL, isKnown: (name: string) => boolean): void {
  for (const name of url.searchParams.keys()) {
    if (!isKnown(name)) throw bad(`Unknown parameter '${name}'`);
  }
}

function readKnown<const P extends Params>(url: URL, params: P): Values<P> {
  const values: Record<string, unknown> = {};
  for (const [name, param] of Object.entries(params)) {
    const given = url.searchParams.getAll(name);
    if (given.length > 1) throw bad(`Cannot take parameter '${name}' more than once`);
    const text = given[0] ?? param.default;
    if (text === undefined) continue;
    const parsed = v.safeParse(param.schema, text);
    if (!parsed.success) {
      throw bad(
        `Cannot parse parameter '${name}' as it is not ${
          parsed.issues[0].message
        }: current value is "${text}"`,
      );
    }
    values[name] = parsed.output;
  }
  return values as Values<P>;
}

function bad(message: string): HttpError {
  return new HttpError(STATUS_CODE.BadRequest, message);
}
