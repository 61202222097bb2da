// SPDX-License-Identifier: Apache-2.0
/**
 * Says in words what rules of alerts watch, and makes the rule that a function is watched by.
 *
 * @module
 */

import type { AlertJson, ListedRuleJson } from "../../http/answers.ts";
import { formatNs, formatNumber } from "../parts/format.ts";

type Rule = ListedRuleJson["rule"];

const SYMBOLS: Readonly<Record<Rule["operator"], string>> = { gt: ">", gte: "≥", lt: "<", lte: "≤", eq: "=" };
const percent = (value: number) => `${formatNumber(value * 100)} %`;
const seconds = (value: number) => formatNs(value * 1e9);
/** What is not here is a number without a unit. */
const UNITS: { readonly [M in Rule["measure"]]?: (value: number) => string } = {
  share: percent,
  error_rate: percent,
  push_error_rate: percent,
  buffer_utilization: percent,
  cores: (value) => `${formatNumber(value)} cores`,
  delay: (value) => `${seconds(value)} in each second`,
  hold: (value) => `${seconds(value)} in each second`,
  p99: seconds,
  rate: (value) => `${formatNumber(value)} a second`,
  event_throughput: (value) => `${formatNumber(value)} a second`,
};
const BEFORE = { previous: "the window before", day: "a day ago", week: "a week ago" } as const;

/** Returns the condition of a rule: `share of parse_json > 30 % in {node="a"} over 5m, each pod`. */
export function ruleText(rule: Rule): string {
  const of = rule.function ?? rule.module ?? rule.call ?? rule.class;
  const value = rule.against && rule.as === "ratio"
    ? `${formatNumber(rule.threshold)} ×`
    : (UNITS[rule.measure] ?? formatNumber)(rule.threshold);
  return [
    rule.measure.replaceAll("_", " "),
    of && `of ${of}`,
    `${SYMBOLS[rule.operator]} ${value}`,
    rule.against && (rule.as === "ratio" ? BEFORE[rule.against] : `more than ${BEFORE[rule.against]}`),
    rule.match && rule.match !== "{}" && `in ${rule.match}`,
    `over ${rule.window}`,
    rule.for_each.length > 0 && `for each ${rule.for_each.join(", ")}`,
  ].filter(Boolean).join(" ");
}

/** Is what a page's form says of a rule. */
export interface NewRule {
  readonly name: string;
  /** Is the function and, behind a tab, its module, as the state has it. */
  readonly fn: string;
  readonly match: string;
  /** Is the share of CPU time, in percent. */
  readonly percent: number;
}

/** Returns a name for the rule of a function, of those characters alone that names of rules have. */
export function ruleName(fn: string): string {
  const name = fn.split("\t")[0]!.replace(/\(.*$/s, "").replaceAll(/[^A-Za-z0-9._:/-]+/g, "_");
  return `${name.replace(/^[^A-Za-z0-9]+/, "").slice(0, MAX_NAME) || "function"} share`;
}

/** Is less than what names of rules may have, in characters. */
const MAX_NAME = 80;

/** Returns the body that creates a rule: its alert fires once the function takes more than that share. */
export function shareRule({ name, fn, match, percent }: NewRule) {
  const [code = "", module = ""] = fn.split("\t");
  return {
    name,
    measure: "share",
    function: code,
    ...(module && { module }),
    threshold: percent / 100,
    ...(match && { match: `{${match}}` }),
  };
}

/** Returns the query of an alert's address: the page itself opens it, whatever host the address names. */
export function queryOf({ url }: Pick<AlertJson, "url">): string {
  return URL.canParse(url) ? new URL(url).search : "";
}

const ORDER: readonly AlertJson["state"][] = ["ended", "resolved", "pending", "firing"];

/** Returns how urgent an alert is; a silenced one is less than each that is not. */
export function urgency({ state, silenced }: Pick<AlertJson, "state" | "silenced">): number {
  return ORDER.indexOf(state) - (silenced ? ORDER.length : 0);
}
