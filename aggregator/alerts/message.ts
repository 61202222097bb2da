// SPDX-License-Identifier: Apache-2.0
/**
 * Says of an alert what it is, in labels, annotations and the address of the page.
 *
 * Labels are the alert's identity for who receives it: they have what does not change. Values are in annotations.
 *
 * @module
 */

import { type AnyLabel, formatMatchers, type Matcher } from "../query/matchers.ts";
import type { Estimate } from "./estimate.ts";
import type { Measured, MeasuredGroups } from "./measure.ts";
import { baselineShift, kindOfMeasure, type Rule, type RuleOperator } from "./rule.ts";
import { formatDuration } from "./rule_schema.ts";

const UNITS: Readonly<Record<string, (value: number) => string>> = {
  share: percent,
  error_rate: percent,
  push_error_rate: percent,
  buffer_utilization: percent,
  cores: (value) => `${plain(value)} cores`,
  delay: (value) => `${time(value)} in each second`,
  hold: (value) => `${time(value)} in each second`,
  p99: time,
  rate: (value) => `${plain(value)} a second`,
  event_throughput: (value) => `${plain(value)} a second`,
};

const SYMBOLS: Readonly<Record<RuleOperator, string>> = { gt: ">", gte: "≥", lt: "<", lte: "≤", eq: "=" };

/** Returns `value` of what the rule measures, in words: `40 %`, `1.2 cores`, `5.1 ms`. */
export function formatValue({ measure, against, as }: Rule, value: number): string {
  if (against && as === "ratio") return value === Infinity ? "from none" : `${plain(value)} ×`;
  return (UNITS[measure] ?? plain)(value);
}

/** Returns the labels of an alert of `rule`; a group's label that has no value is none. */
export function labelsOf(rule: Rule, group: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(group).filter(([, value]) => value !== "");
  return { ...rule.labels, ...Object.fromEntries(own), alertname: rule.name, severity: rule.severity };
}

/** Returns the annotations of an alert: those of the rule, and what was measured. */
export function annotationsOf(rule: Rule, measured: Measured): Record<string, string> {
  const { estimate, now, base } = measured;
  const value = formatValue(rule, estimate.value);
  const threshold = `${SYMBOLS[rule.operator]} ${formatValue(rule, rule.threshold)}`;
  const unshifted = (of: Estimate) => (UNITS[rule.measure] ?? plain)(of.value);
  return {
    summary: `${rule.name}: ${subjectOf(rule)} is ${value}, ${threshold}`,
    ...rule.annotations,
    value,
    threshold,
    ...(base && { now: unshifted(now), before: unshifted(base), against: beforeWords(rule) }),
    window: formatDuration(rule.window),
    ...(Number.isFinite(estimate.samples) && { samples: String(estimate.samples) }),
  };
}

function subjectOf({ measure, function: fn, module, call, class: lock }: Rule): string {
  const of = [fn, module, call, lock].find((name) => name !== undefined);
  const words = measure.replaceAll("_", " ");
  return of === undefined ? words : `${words} of ${of}`;
}

function beforeWords({ against }: Rule): string {
  return against === "previous" ? "the window before" : `the same time a ${against} ago`;
}

export interface PageUrlOptions {
  /** Is where people reach the page. */
  readonly base: URL;
  readonly range: MeasuredGroups["range"];
  readonly group: Readonly<Record<string, string>>;
}

/** Says which view of the page is about each kind. */
const VIEWS = { cpu: "cpu", lock: "locks", syscall: "calls" } as const;

/** Returns the address of the page at what was measured: the selection, its time, the code, and what it is beside. */
export function pageUrl(rule: Rule, { base, range, group }: PageUrlOptions): string {
  const kind = kindOfMeasure(rule.measure);
  if (kind === undefined) return base.href;
  const url = new URL(base);
  const span = (shift: number) => [range.from, range.to].map((ms) => new Date(ms - shift).toISOString());
  const own = Object.entries(group).map(([label, value]): Matcher => ({
    ...{ label: label as AnyLabel, operator: "=", value },
  }));
  const [from, to] = span(0);
  const shift = baselineShift(rule);
  const values: Readonly<Record<string, string | undefined>> = {
    view: shift === undefined ? VIEWS[kind] : "compare",
    ...{ from, to, kind },
    match: formatMatchers([...rule.matchers, ...own]).slice(1, -1),
    search: rule.function ?? rule.call ?? rule.module,
    idle: rule.idle ? "1" : "",
    base: shift === undefined ? "" : span(shift).join("/"),
  };
  for (const [name, value] of Object.entries(values)) if (value) url.searchParams.set(name, value);
  return url.href;
}

function percent(value: number): string {
  return `${plain(value * 100)} %`;
}

function time(seconds: number): string {
  const [unit, size] = TIME_UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["ns", 1e-9];
  return `${plain(seconds / size)} ${unit}`;
}

const TIME_UNITS = [["s", 1], ["ms", 1e-3], ["µs", 1e-6], ["ns", 1e-9]] as const;

/** Writes three digits that count. */
function plain(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
}
