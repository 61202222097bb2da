// SPDX-License-Identifier: Apache-2.0
/**
 * Turns conditions on labels as the field names them into ours: what series they choose, and of which types.
 *
 * @module
 */

import { RE2JS } from "re2js";
import { type AnyLabel, isLabel, type Matcher, patternFault, SERVICE_NAME } from "../../query/matchers.ts";
import { ConnectError } from "../connect/error.ts";
import type { ProfileType } from "./profile_types.ts";
import { type Condition, parseSelector } from "./selector.ts";

/** Holds what a series has by its type alone. */
const TYPE_LABELS: Readonly<Record<string, (type: ProfileType) => string>> = {
  __profile_type__: ({ id }) => id,
  __name__: ({ name }) => name,
  __type__: ({ sampleType }) => sampleType,
  __unit__: ({ sampleUnit }) => sampleUnit,
  __period_type__: ({ periodType }) => periodType,
  __period_unit__: ({ periodUnit }) => periodUnit,
};

/** Is another name of `service_name`. */
const HIDDEN_SERVICE_NAME = "__service_name__";

/** Lists the labels that each series has: those of its type, and its service's name. */
export const PSEUDO_LABELS = [...Object.keys(TYPE_LABELS), HIDDEN_SERVICE_NAME, SERVICE_NAME];

/** Says what is chosen. */
export interface Chosen {
  /** Tells whether series of a type may be chosen. */
  readonly takes: (type: ProfileType) => boolean;
  readonly matchers: readonly Matcher[];
}

/** Returns what a label of a type is; `undefined` for a label of series. */
export function typeLabel(name: string): ((type: ProfileType) => string) | undefined {
  return Object.hasOwn(TYPE_LABELS, name) ? TYPE_LABELS[name] : undefined;
}

/** Returns the label of series that the field calls `name`. */
export function seriesLabel(name: string): AnyLabel {
  if (name === HIDDEN_SERVICE_NAME) return SERVICE_NAME;
  return isLabel(name) ? name : `own:${name}`;
}

/**
 * Reads selectors, all of which must hold.
 *
 * @throws {ConnectError} `invalid_argument`
 */
export function readSelectors(texts: readonly string[]): Chosen {
  const conditions = texts.flatMap(parseSelector);
  const patterns = new Map<Condition, RE2JS>();
  for (const condition of conditions) {
    if (condition.operator.endsWith("~")) patterns.set(condition, compile(condition.value));
  }
  const ofType = conditions.filter(({ name }) => typeLabel(name));
  const takes = (type: ProfileType) =>
    ofType.every((condition) => holds(condition, typeLabel(condition.name)!(type), patterns.get(condition)));
  const matchers = conditions.filter(({ name }) => !typeLabel(name)).map((
    { name, operator, value },
  ): Matcher => ({
    label: seriesLabel(name),
    operator,
    value,
  }));
  return { takes, matchers };
}

/**
 * Reads a pattern, so that one that storage would refuse is told of.
 *
 * @throws {ConnectError} `invalid_argument`
 */
export function compile(pattern: string): RE2JS {
  const why = patternFault(pattern);
  if (why === undefined) return RE2JS.compile(pattern);
  throw new ConnectError("invalid_argument", `Cannot use a pattern as it is no RE2: ${why}: "${pattern}"`);
}

function holds({ operator, value }: Condition, text: string, pattern: RE2JS | undefined): boolean {
  const equal = pattern ? pattern.matches(text) : text === value;
  return operator.startsWith("!") ? !equal : equal;
}
