// SPDX-License-Identifier: Apache-2.0
/**
 * Reads which samples are meant: the kind, the selector and the time, by the same flags everywhere.
 *
 * @module
 */

import { closestWord } from "../../common/closest.ts";
import { defineSettings, duration, toggle, UsageError, type Values } from "../../common/settings.ts";
import { KINDS } from "../../profile/model.ts";
import { type AnyKind, isAnyKind } from "../../profile/profile_type.ts";
import { before, formatMoment, type Moment, moment } from "./moment.ts";
import type { Params } from "./rest.ts";
import { selectorOf } from "./selector.ts";

export const TIME_SETTINGS = defineSettings({
  since: {
    flag: "since",
    placeholder: "TIME",
    help: "The last so long, such as 15m, 6h or 1d; 15m where nothing is said",
    schema: duration(1000),
  },
  from: {
    flag: "from",
    placeholder: "TIME",
    help: "From then on: 1h, now-1h, 2026-01-31T12:00:00Z or Unix seconds",
    schema: moment(),
  },
  to: { flag: "to", placeholder: "TIME", help: "Until then; now where nothing is said", schema: moment() },
});

export const SELECTION_SETTINGS = defineSettings({
  ...TIME_SETTINGS,
  idle: {
    flag: "idle",
    placeholder: "",
    help: "Include waits of threads that have nothing to do, and calls that wait by purpose",
    schema: toggle(),
  },
});

const DEFAULT_SINCE = 900_000;

export interface Range {
  readonly from: Moment;
  readonly to: Moment;
}

/** Is what is asked about. */
export interface Question extends Range {
  readonly kind: AnyKind;
  /** Is the selector as REST takes it; "" for all. */
  readonly match: string;
  /** Is the selector as it was written. */
  readonly written: string;
  readonly idle: boolean;
}

/** Returns the time that flags stand for. @throws {UsageError} for both of `--since` and `--from` */
export function rangeOf({ since, from, to = { ago: 0 } }: Values<typeof TIME_SETTINGS>): Range {
  if (since !== undefined && from !== undefined) {
    throw new UsageError("Cannot take both '--since' and '--from': leave one of them out");
  }
  return { from: from ?? before(to, since ?? DEFAULT_SINCE), to };
}

/** Returns what flags and the arguments of a selector stand for. @throws {UsageError} */
export function questionOf(
  kind: AnyKind,
  words: readonly string[],
  values: Values<typeof SELECTION_SETTINGS>,
): Question {
  return {
    ...rangeOf(values),
    kind,
    match: selectorOf(words),
    written: words.join(" "),
    idle: values.idle ?? false,
  };
}

/** Takes the kind off the front of the arguments, or the type of a profile that somebody else made; `cpu` where a selector stands there. @throws {UsageError} */
export function kindOf(rest: readonly string[]): { kind: AnyKind; words: readonly string[] } {
  const [first, ...words] = rest;
  if (first === undefined || /[={]/.test(first)) return { kind: "cpu", words: rest };
  const kind = first.replace(/s$/, "");
  if (isAnyKind(kind)) return { kind, words };
  if (isAnyKind(first)) return { kind: first, words };
  const meant = closestWord(first, KINDS);
  const hint = meant ? `did you mean '${meant}'?` : `it is not one of ${KINDS.join(", ")}, nor a selector`;
  throw new UsageError(`Unknown kind '${first}': ${hint}`);
}

/** Returns a question's parameters, without its kind: some routes have one kind alone. */
export function paramsOf({ from, to, match, idle }: Omit<Question, "kind" | "written">): Params {
  return {
    from: formatMoment(from),
    to: formatMoment(to),
    match: match || undefined,
    idle: idle ? true : undefined,
  };
}

/** Returns a question as bodies have it. */
export function bodyOf({ kind, from, to, match, idle }: Question): Record<string, unknown> {
  return { kind, from: formatMoment(from), to: formatMoment(to), match, idle };
}
