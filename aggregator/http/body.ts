// SPDX-License-Identifier: Apache-2.0
/**
 * Reads JSON bodies of requests.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import * as v from "valibot";
import { DEFAULT_LEVELS } from "../../profile/first_levels.ts";
import type { AnyKind } from "../../profile/profile_type.ts";
import type { GroupBy } from "../query/stack_answers.ts";
import type { Selection } from "../query/asked.ts";
import { HttpError } from "./errors.ts";
import {
  anyKind,
  checkSelection,
  GROUPS,
  isGroup,
  levels,
  matchersOf,
  time,
  underSchema,
  UNITS,
} from "./params.ts";

/** This is far more than any selection needs. */
const MAX_BODY_BYTES = 64 * 1024;

/** Makes the schema of a selection; times are relative to `now`, Unix milliseconds. */
function selectionEntries(now: number) {
  const moment = v.pipe(v.union([v.string(), v.pipe(v.number(), v.transform(String))]), time(now));
  return {
    kind: v.optional(anyKind(), "cpu"),
    from: v.optional(moment, "-15m"),
    to: v.optional(moment, "now"),
    match: v.optional(v.string(), ""),
    idle: v.optional(v.boolean(), false),
    holders: v.optional(v.boolean(), false),
  };
}

function limit(byDefault: number, max: number) {
  const message = `a number from 1 to ${max}`;
  const number = v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(1, message),
    v.maxValue(max, message),
  );
  return v.optional(number, byDefault);
}

/** Makes the schema of the body of POST /api/aggregate. */
export function aggregateBody(now: number) {
  return v.pipe(
    v.strictObject({
      ...selectionEntries(now),
      group_by: v.optional(
        v.pipe(
          v.array(
            v.pipe(v.string(), v.check(isGroup, `one of ${GROUPS}`), v.transform((name) => name as GroupBy)),
          ),
          v.minLength(1, "a list of at least one name"),
          v.check((names) => new Set(names).size === names.length, "a list of different names"),
        ),
        ["function"] as const,
      ),
      limit: limit(100, 10_000),
    }),
    v.transform(({ group_by, limit, ...selection }) => ({
      selection: toSelection(selection),
      groupBy: group_by,
      limit,
    })),
  );
}

/** Is a selection as bodies have it. */
interface SelectionBody {
  kind: AnyKind;
  from: number;
  to: number;
  idle: boolean;
  holders: boolean;
  match: string;
}

function toSelection({ match, ...selection }: SelectionBody): Selection {
  return { ...selection, matchers: matchersOf("match", match) };
}

/** Makes the schema of the body of POST /api/diff. */
export function diffBody(now: number) {
  const selection = v.pipe(v.strictObject(selectionEntries(now)), v.transform(toSelection));
  const [by, order] = [["share", "cores", "value"], ["change", "growth"]] as const;
  return v.strictObject({
    base: selection,
    compare: selection,
    by: v.optional(v.picklist(by, `one of ${by.join(", ")}`), "share"),
    order: v.optional(v.picklist(order, `one of ${order.join(", ")}`), "change"),
    limit: limit(100, 10_000),
  });
}

/** Makes the schema of the body of POST /api/diff/flamegraph. */
export function diffTreeBody(now: number) {
  const name = v.pipe(v.string(), v.minLength(1, "a text"));
  const selection = v.pipe(v.strictObject(selectionEntries(now)), v.transform(toSelection));
  return v.pipe(
    v.strictObject({
      base: selection,
      compare: selection,
      unit: v.optional(v.picklist(UNITS, `one of ${UNITS.join(", ")}`), "nanoseconds"),
      max_nodes: limit(20_000, 500_000),
      min_per_mille: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1000)), 0),
      first_level: v.optional(v.pipe(v.array(v.string()), levels), [...DEFAULT_LEVELS]),
      inlined: v.optional(v.boolean(), true),
      inverted: v.optional(v.boolean(), false),
      under: v.optional(underSchema),
      focus: v.optional(name),
      callers: v.optional(name),
      callees: v.optional(name),
      hide: v.optional(v.array(v.string())),
      collapse_recursion: v.optional(v.boolean(), false),
      collapse_modules: v.optional(v.array(v.string())),
    }),
    v.check(({ base, compare }) => base.kind === compare.kind, "two selections of one kind"),
  );
}

/**
 * Reads the JSON body of `request` by `schema`.
 *
 * @throws {HttpError} 400, 413 or 415
 */
export async function readBody<T>(request: Request, schema: v.GenericSchema<unknown, T>): Promise<T> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpError(
      STATUS_CODE.UnsupportedMediaType,
      `Cannot read a body that is not application/json: current type is "${type}"`,
    );
  }
  const text = await readText(request);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new HttpError(STATUS_CODE.BadRequest, "Cannot parse the body as JSON", { cause });
  }
  // To a schema an array is an object, too.
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new HttpError(STATUS_CODE.BadRequest, "Cannot read the body as it is not a JSON object");
  }
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  throw new HttpError(STATUS_CODE.BadRequest, explain(parsed.issues[0]));
}

/**
 * Returns the body as text.
 *
 * @throws {HttpError} 413 when it is too large, without reading it to its end
 */
export async function readText(request: Request, maxBytes = MAX_BODY_BYTES): Promise<string> {
  const tooLarge = () =>
    new HttpError(STATUS_CODE.ContentTooLarge, `Cannot read a body of more than ${maxBytes} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Checks what a schema cannot say of selections in a body. */
export function checkSelections(...selections: readonly Selection[]): void {
  for (const selection of selections) checkSelection(selection);
}

function explain(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "the body";
  if (issue.kind === "schema" && issue.type === "strict_object" && issue.expected === "never") {
    return `Unknown field '${path}'`;
  }
  if (issue.received === "undefined") return `Missing a field: '${path}'`;
  const expected = issue.message.startsWith("Invalid ") ? issue.expected ?? "valid" : issue.message;
  return `Cannot parse '${path}' as it is not ${expected}: current value is ${issue.received}`;
}
