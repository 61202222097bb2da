// SPDX-License-Identifier: Apache-2.0
/**
 * Reads relabel rules in Prometheus' form, from YAML.
 * https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
 *
 * Patterns are matched by RE2JS, a port of Go's own engine: its time is linear in the text, so that no rule and no
 * label can hold up a program, and what a pattern means is what Prometheus says it means.
 *
 * @module
 */

import { parse } from "@std/yaml/parse";
import { RE2JS } from "re2js";
import * as v from "valibot";

/** Lists what a rule may do: Prometheus' own actions, and one of ours. */
export const ACTIONS = [
  "replace",
  "keep",
  "drop",
  "keepequal",
  "dropequal",
  "hashmod",
  "labelmap",
  "labeldrop",
  "labelkeep",
  "lowercase",
  "uppercase",
  "hash_function_names",
] as const;
export type Action = (typeof ACTIONS)[number];

/** Is one rule, with what was left out filled in. */
export interface Rule {
  readonly action: Action;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly targetLabel: string;
  /** Must match all of the text. */
  readonly pattern: RE2JS;
  /** Is the pattern as it was written. */
  readonly regex: string;
  readonly replacement: string;
  readonly modulus: bigint;
  /** Keys the hashes of names, so that nobody finds them by hashing names that he knows; "" for none. */
  readonly key: string;
}

/** Is thrown for rules that cannot be used; the message names the rule, counted from 1. */
export class RelabelError extends Error {
  override name = "RelabelError";
}

const MAX_RULES = 1000;
const MAX_REGEX = 4096;
const DEFAULT_REGEX = "(.*)";
const DEFAULT_REPLACEMENT = "$1";

/** Matches the names that labels may have; what a target is made of is checked again once it is expanded. */
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Matches a target with references to groups in it. */
const TARGET = /^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$/;

const text = v.pipe(
  v.union([v.string(), v.number(), v.boolean()], "a text"),
  v.transform(String),
);
const ruleSchema = v.strictObject({
  action: v.optional(v.pipe(v.string("a text"), v.transform((name) => name.toLowerCase()))),
  source_labels: v.optional(v.array(v.pipe(text, v.regex(LABEL_NAME, "the name of a label")))),
  separator: v.optional(text),
  target_label: v.optional(text),
  regex: v.optional(text),
  replacement: v.optional(text),
  modulus: v.optional(v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,20}$/))], "a whole number above 0"),
    v.check((number) => /^\d+$/.test(String(number)) && Number(number) > 0, "a whole number above 0"),
    v.transform((number) => BigInt(number)),
  )),
  key: v.optional(text),
});
type Written = v.InferOutput<typeof ruleSchema>;

/**
 * Reads the rules in `yaml`: a list, alone or under `relabel_configs`.
 *
 * @throws {RelabelError}
 */
export function parseRules(yaml: string): Rule[] {
  let document: unknown;
  try {
    document = parse(yaml);
  } catch (cause) {
    throw new RelabelError(`Cannot read relabel rules as they are not YAML: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (document === null || document === undefined) return [];
  const list = Array.isArray(document)
    ? document
    : (document as { relabel_configs?: unknown }).relabel_configs;
  if (!Array.isArray(list)) {
    throw new RelabelError(
      "Cannot read relabel rules as they are no list, and there is none under 'relabel_configs'",
    );
  }
  if (list.length > MAX_RULES) {
    throw new RelabelError(`Cannot read more than ${MAX_RULES} relabel rules: there are ${list.length}`);
  }
  return list.map((each, i) => readRule(each, i + 1));
}

function readRule(written: unknown, number: number): Rule {
  const fail = (why: string) => new RelabelError(`Cannot use relabel rule ${number} as ${why}`);
  const parsed = v.safeParse(ruleSchema, written);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const path = v.getDotPath(issue);
    if (issue.kind === "schema" && issue.expected === "never") throw fail(`there is no field '${path}'`);
    throw fail(`'${path ?? "it"}' is not ${issue.message}: current value is ${issue.received}`);
  }
  const rule = parsed.output;
  const action = rule.action ?? "replace";
  if (!isAction(action)) {
    throw fail(`'action' is not one of ${ACTIONS.join(", ")}: current value is "${action}"`);
  }
  const problem = problemOf(action, rule);
  if (problem) throw fail(problem);
  const regex = rule.regex ?? DEFAULT_REGEX;
  if (regex.length > MAX_REGEX) {
    throw fail(`'regex' has more than ${MAX_REGEX} characters: it has ${regex.length}`);
  }
  let pattern: RE2JS;
  try {
    RE2JS.compile(regex);
    pattern = RE2JS.compile(`^(?s:${regex})$`);
  } catch (cause) {
    throw fail(`'regex' is no RE2 pattern: ${(cause as Error).message}`);
  }
  return {
    action,
    sourceLabels: rule.source_labels ?? [],
    separator: rule.separator ?? ";",
    targetLabel: rule.target_label ?? "",
    pattern,
    regex,
    replacement: rule.replacement ?? DEFAULT_REPLACEMENT,
    modulus: rule.modulus ?? 0n,
    key: rule.key ?? "",
  };
}

function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

/** Says what `rule` lacks or has too much for its action, as Prometheus does; `undefined` where nothing. */
function problemOf(action: Action, rule: Written): string | undefined {
  const given = (name: keyof Written) => rule[name] !== undefined && rule[name] !== "";
  const only = (names: readonly (keyof Written)[]) => {
    const extra = Object.keys(rule).find((name) =>
      name !== "action" && !(names as readonly string[]).includes(name)
    );
    return extra === undefined ? undefined : `'${action}' takes no '${extra}'`;
  };
  if (given("key") && action !== "hash_function_names") return `'${action}' takes no 'key'`;
  if (given("modulus") && action !== "hashmod") return `'${action}' takes no 'modulus'`;
  switch (action) {
    case "replace":
      if (!given("target_label")) return "'replace' needs 'target_label'";
      return TARGET.test(rule.target_label!) ? undefined : notALabel(rule.target_label!);
    case "hashmod":
      if (!given("modulus")) return "'hashmod' needs 'modulus'";
      return targetProblem(action, rule);
    case "lowercase":
    case "uppercase":
      return targetProblem(action, rule);
    case "keepequal":
    case "dropequal":
      return only(["source_labels", "target_label"]) ?? targetProblem(action, rule);
    case "labeldrop":
    case "labelkeep":
      return only(["regex"]);
    case "labelmap":
      return rule.replacement === undefined || TARGET.test(rule.replacement)
        ? undefined
        : notALabel(rule.replacement);
    case "hash_function_names":
      return only(["source_labels", "separator", "regex", "key"]);
    case "keep":
    case "drop":
      return undefined;
  }
}

function targetProblem(action: Action, { target_label: target = "" }: Written): string | undefined {
  if (target === "") return `'${action}' needs 'target_label'`;
  return isLabelName(target) ? undefined : notALabel(target);
}

function notALabel(text: string): string {
  return `"${text}" is not the name of a label`;
}

/** Tells whether a label may be called `name`. */
export function isLabelName(name: string): boolean {
  return LABEL_NAME.test(name);
}
