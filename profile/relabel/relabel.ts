// SPDX-License-Identifier: Apache-2.0
/**
 * Applies relabel rules to a set of labels, with the meaning that Prometheus gives them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { expand } from "./expand.ts";
import { isLabelName, type Rule } from "./rules.ts";

/** Holds labels by name; one that is "" is not there. */
export type Labels = ReadonlyMap<string, string>;

/** Is what becomes of a set of labels. */
export interface Relabelled {
  readonly labels: Labels;
  /** Is set where the names of functions are to be hashed: the key of the hashes, "" for none. */
  readonly hashKey?: string;
}

/** Applies `rules` in their order. @returns `undefined` where a rule drops what has these labels */
export function relabel(labels: Labels, rules: readonly Rule[]): Relabelled | undefined {
  const current = new Map([...labels].filter(([, value]) => value !== ""));
  let hashKey: string | undefined;
  for (const rule of rules) {
    const value = rule.sourceLabels.map((name) => current.get(name) ?? "").join(rule.separator);
    if (rule.action === "hash_function_names") {
      if (rule.pattern.matches(value)) hashKey = rule.key;
    } else if (!apply(rule, value, current)) return undefined;
  }
  return { labels: current, ...hashKey !== undefined && { hashKey } };
}

/** Changes `labels` by one rule. @returns whether what has them is kept */
function apply(rule: Rule, value: string, labels: Map<string, string>): boolean {
  const { action, pattern, targetLabel } = rule;
  switch (action) {
    case "keep":
      return pattern.matches(value);
    case "drop":
      return !pattern.matches(value);
    case "keepequal":
      return (labels.get(targetLabel) ?? "") === value;
    case "dropequal":
      return (labels.get(targetLabel) ?? "") !== value;
    case "replace":
      replace(rule, value, labels);
      break;
    case "hashmod":
      labels.set(targetLabel, String(hashOf(value) % rule.modulus));
      break;
    case "lowercase":
      set(labels, targetLabel, value.toLowerCase());
      break;
    case "uppercase":
      set(labels, targetLabel, value.toUpperCase());
      break;
    case "labelmap":
      // What is added is not mapped again.
      for (const [name, text] of [...labels]) {
        const mapped = expandedBy(rule, name, rule.replacement);
        if (mapped !== undefined && isLabelName(mapped)) set(labels, mapped, text);
      }
      break;
    case "labeldrop":
      for (const name of [...labels.keys()]) if (pattern.matches(name)) labels.delete(name);
      break;
    case "labelkeep":
      for (const name of [...labels.keys()]) if (!pattern.matches(name)) labels.delete(name);
      break;
  }
  return true;
}

function replace(rule: Rule, value: string, labels: Map<string, string>): void {
  const target = expandedBy(rule, value, rule.targetLabel);
  if (target === undefined || !isLabelName(target)) return;
  set(labels, target, expandedBy(rule, value, rule.replacement)!);
}

/** Fills `template` with the groups of `text`; `undefined` where the rule does not match it. */
function expandedBy({ pattern }: Rule, text: string, template: string): string | undefined {
  const match = pattern.matcher(text);
  return match.matches() ? expand(template, match, pattern) : undefined;
}

function set(labels: Map<string, string>, name: string, value: string): void {
  if (value === "") labels.delete(name);
  else labels.set(name, value);
}

/** Returns the number that Prometheus takes the modulus of: the last eight bytes of an MD5, which is no secret's. */
function hashOf(value: string): bigint {
  return createHash("md5").update(value).digest().readBigUInt64BE(8);
}
