// SPDX-License-Identifier: Apache-2.0
/**
 * Reads rules from the form that the file and REST have, and writes them in it.
 *
 * @module
 */

import * as v from "valibot";
import { duration } from "../../common/settings.ts";
import { LABELS } from "../../profile/labels.ts";
import { type AnyLabel, formatMatchers, isLabel, MatcherError, parseMatchers } from "../query/matchers.ts";
import {
  BASELINES,
  isOwnMeasure,
  isProfileMeasure,
  kindOfMeasure,
  MEASURES,
  OPERATORS,
  type Rule,
  type RuleJson,
  SEVERITIES,
} from "./rule.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Labels and annotations are written by people: more is a mistake. */
const MAX_PAIRS = 32;
const MAX_TEXT = 4096;

/** A rule cannot be read: the message says why, and `field` where. */
export class RuleError extends Error {
  override name = "RuleError";
  readonly field: string | undefined;

  constructor(message: string, field: string | undefined) {
    super(message);
    this.field = field;
  }
}

function time(minMs: number, maxMs: number) {
  return v.pipe(v.string("a duration like 5m"), duration(minMs, maxMs));
}

function oneOf<const T extends string>(names: readonly T[]) {
  return v.picklist(names, `one of ${names.join(", ")}`);
}

function number(min: number, max: number, whole = true) {
  const message = `a number from ${min} to ${max}`;
  const range = v.pipe(v.number(message), v.minValue(min, message), v.maxValue(max, message));
  return whole ? v.pipe(range, v.integer(message)) : range;
}

const name = v.pipe(
  v.string("a name"),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,127}$/, "a name of letters, digits, spaces and ._:/-"),
);

const THRESHOLD = "a number, a share like 40% or a time like 5ms";
const unitText = v.pipe(
  v.string(THRESHOLD),
  v.regex(/^-?\d+(\.\d+)?(%|ns|us|ms|s|m|h)?$/, THRESHOLD),
  v.transform((text) => parseFloat(text) * (UNITS[text.replace(/^[-\d.]+/, "")] ?? 1)),
);
const UNITS: Readonly<Record<string, number>> = {
  "%": 0.01,
  ns: 1e-9,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};
const threshold = v.union([v.pipe(v.number(THRESHOLD), v.finite(THRESHOLD)), unitText], THRESHOLD);

function pairs(key: RegExp) {
  const message = `at most ${MAX_PAIRS} names with texts`;
  return v.pipe(
    v.record(
      v.pipe(v.string(message), v.regex(key, message)),
      v.pipe(v.string(message), v.maxLength(MAX_TEXT, message)),
    ),
    v.check((record) => Object.keys(record).length <= MAX_PAIRS, message),
  );
}

const text = v.pipe(v.string("a text"), v.minLength(1, "a text"), v.maxLength(MAX_TEXT, "a text"));
const groupLabels = v.pipe(
  v.array(v.pipe(v.string(), v.check(isLabel, `one of ${LABELS.join(", ")}, label_NAME`))),
  v.maxLength(3, "at most three labels"),
  v.check((names) => new Set(names).size === names.length, "a list of different labels"),
  v.transform((names) => names as AnyLabel[]),
);

/** Is the form of a rule; what it leaves out has the default that stands here. */
const FIELDS = v.strictObject({
  name,
  enabled: v.optional(v.boolean("true or false"), true),
  severity: v.optional(oneOf(SEVERITIES), "warning"),
  measure: oneOf(MEASURES),
  operator: v.optional(oneOf(OPERATORS), "gt"),
  threshold,
  match: v.optional(v.string("a selector"), ""),
  function: v.optional(text),
  module: v.optional(text),
  of: v.optional(oneOf(["self", "total"]), "total"),
  class: v.optional(text),
  call: v.optional(text),
  idle: v.optional(v.boolean("true or false"), false),
  window: v.optional(time(10_000, 7 * DAY_MS), "5m"),
  lag: v.optional(time(0, 60 * MINUTE_MS), "30s"),
  against: v.optional(oneOf(BASELINES)),
  as: v.optional(oneOf(["ratio", "difference"]), "ratio"),
  for: v.optional(time(0, DAY_MS), "5m"),
  keep: v.optional(time(0, DAY_MS), "0s"),
  min_samples: v.optional(number(0, 1e12), 100),
  noise: v.optional(number(0, 10, false), 3),
  for_each: v.optional(groupLabels, []),
  groups: v.optional(number(1, 500), 50),
  labels: v.optional(pairs(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/), {}),
  annotations: v.optional(pairs(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/), {}),
  capture: v.optional(v.strictObject({ frequency: number(1, 1000), for: time(1000, 60 * MINUTE_MS) })),
});

/**
 * Reads one rule.
 *
 * @throws {RuleError}
 */
export function parseRule(value: unknown): Rule {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RuleError("Cannot read a rule that is not a map of fields", undefined);
  }
  // Answers of REST have null where there is nothing, and may be sent back.
  const given = Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null));
  const parsed = v.safeParse(FIELDS, given);
  if (!parsed.success) throw explain(parsed.issues[0], given);
  const { match, min_samples, for_each, capture, function: fn, module, class: lock, call, against, ...rest } =
    parsed.output;
  const rule: Rule = {
    ...rest,
    matchers: matchersOf(match),
    minSamples: min_samples,
    forEach: for_each,
    ...(fn !== undefined && { function: fn }),
    ...(module !== undefined && { module }),
    ...(lock !== undefined && { class: lock }),
    ...(call !== undefined && { call }),
    ...(against !== undefined && { against }),
    ...(capture && { capture: { frequency: capture.frequency, forMs: capture.for } }),
  };
  checkSense(rule);
  return rule;
}

/** Writes `rule` in the form that {@linkcode parseRule} reads: all fields, `null` for what there is not. */
export function formatRule(rule: Rule): RuleJson {
  const { minSamples, forEach, capture } = rule;
  return {
    ...{ name: rule.name, enabled: rule.enabled, severity: rule.severity },
    ...{ measure: rule.measure, operator: rule.operator, threshold: rule.threshold },
    match: formatMatchers(rule.matchers),
    ...{ function: rule.function ?? null, module: rule.module ?? null, of: rule.of },
    ...{ class: rule.class ?? null, call: rule.call ?? null, idle: rule.idle },
    ...{ window: formatDuration(rule.window), lag: formatDuration(rule.lag) },
    ...{ against: rule.against ?? null, as: rule.as },
    ...{ for: formatDuration(rule.for), keep: formatDuration(rule.keep) },
    ...{ min_samples: minSamples, noise: rule.noise, for_each: forEach, groups: rule.groups },
    ...{ labels: rule.labels, annotations: rule.annotations },
    capture: capture ? { frequency: capture.frequency, for: formatDuration(capture.forMs) } : null,
  };
}

const DURATION_UNITS = [["d", DAY_MS], ["h", 60 * MINUTE_MS], ["m", MINUTE_MS], ["s", 1000]] as const;

/** Writes ms in the largest unit that divides them: `90s`, `5m`. */
export function formatDuration(ms: number): string {
  const [unit, size] = DURATION_UNITS.find(([, size]) => ms > 0 && ms % size === 0) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}

/** These labels are the alert's own. */
const RESERVED = ["alertname", "severity", "aggregator"];

/** Refuses what each field allows and all together do not. */
function checkSense(rule: Rule): void {
  const kind = kindOfMeasure(rule.measure);
  const refuse = (field: string, why: string) => {
    throw new RuleError(`Cannot take '${field}' with the measure '${rule.measure}' as ${why}`, field);
  };
  if (kind !== "cpu" && kind !== "lock") {
    for (const field of ["function", "module"] as const) {
      if (rule[field] !== undefined) refuse(field, "it is not about code");
    }
  }
  if (kind !== "lock" && rule.class !== undefined) refuse("class", "it is not about locks");
  if (kind !== "syscall" && rule.call !== undefined) refuse("call", "it is not about system calls");
  if (rule.measure === "share" && rule.function === undefined && rule.module === undefined) {
    throw new RuleError("Missing a field: 'function' or 'module', whose share it is", "measure");
  }
  if (!isProfileMeasure(rule.measure)) {
    if (rule.against) refuse("against", "it has no baseline");
    if (isOwnMeasure(rule.measure) && rule.matchers.length > 0) refuse("match", "it is not about series");
    const allowed = isOwnMeasure(rule.measure) ? [] : ["node"];
    if (rule.forEach.some((label) => !allowed.includes(label))) {
      refuse(
        "for_each",
        allowed.length > 0 ? "it has groups by node alone" : "each aggregator is a group already",
      );
    }
    if (rule.matchers.some(({ label }) => label !== "node")) refuse("match", "it knows nodes alone");
  }
  if (rule.against === undefined && rule.as === "difference") {
    throw new RuleError("Missing a field: 'against', which 'as: difference' needs", "as");
  }
  if (rule.capture && !isProfileMeasure(rule.measure)) refuse("capture", "it is not about profiles");
  const reserved = Object.keys(rule.labels).find((label) => RESERVED.includes(label) || isLabel(label));
  if (reserved !== undefined) {
    throw new RuleError(`Cannot take the label '${reserved}' as alerts have it by themselves`, "labels");
  }
}

function matchersOf(text: string): Rule["matchers"] {
  try {
    return parseMatchers(text);
  } catch (error) {
    if (!(error instanceof MatcherError)) throw error;
    throw new RuleError(`Cannot take 'match': ${error.message}`, "match");
  }
}

function explain(issue: v.BaseIssue<unknown>, value: object): RuleError {
  const path = v.getDotPath(issue) ?? "";
  const field = path.split(".")[0];
  if (issue.kind === "schema" && issue.type === "strict_object" && issue.expected === "never") {
    return new RuleError(`Unknown field '${path}'`, field);
  }
  if (field !== undefined && !(field in value)) return new RuleError(`Missing a field: '${path}'`, undefined);
  return new RuleError(
    `Cannot parse '${path}' as it is not ${issue.message}: current value is ${issue.received}`,
    field,
  );
}
