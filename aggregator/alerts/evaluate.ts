// SPDX-License-Identifier: Apache-2.0
/**
 * Evaluates rules once: measures each, judges its groups, and takes their alerts a step on.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import { type Alert, alertKey } from "./alert.ts";
import { judge, type Verdict } from "./estimate.ts";
import { groupKey, type Measured, type MeasuredGroups } from "./measure.ts";
import { annotationsOf, labelsOf, pageUrl } from "./message.ts";
import type { Rule } from "./rule.ts";
import { ended, type Step, step } from "./state.ts";

/** So many alerts are there at once; more do not begin. */
export const MAX_ALERTS = 1000;
/** So many rules are measured at once. */
const AT_ONCE = 2;

const burst = new Burst(getLogger(["aperture", "alerts"]));

/** Is told what an evaluation does. */
export interface EvaluationMetrics {
  /** Is told that rules were measured, and how many could not be. */
  evaluated(rules: { readonly ok: number; readonly failed: number }, seconds: number): void;
  /** Is told of groups beyond a rule's bound, and alerts beyond the bound of all. */
  bounded(of: "groups" | "alerts", count: number): void;
}

export interface EvaluateOptions {
  readonly rules: readonly Rule[];
  /** Are the alerts after the evaluation before: those that are pending or firing. */
  readonly before: readonly Alert[];
  /** Measures a rule at the evaluation's time. */
  readonly measure: (rule: Rule, signal: AbortSignal) => Promise<MeasuredGroups> | MeasuredGroups;
  /** Returns the nodes that a group of a rule is on, whose agents may be asked to look closer. @default nobody is asked */
  readonly nodesOf?: (
    rule: Rule,
    group: { readonly range: MeasuredGroups["range"]; readonly labels: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ) => Promise<readonly string[]>;
  /** Is the time in Unix ms. */
  readonly now: number;
  /** Is where people reach the page. */
  readonly base: URL;
  readonly metrics: EvaluationMetrics;
  /** Ends the evaluation: of rules that have not been measured by then nobody knows. */
  readonly signal: AbortSignal;
}

/** Evaluates all rules, and returns the alerts that are there then, and those that ended. */
export async function evaluate(options: EvaluateOptions): Promise<Alert[]> {
  const { rules, before, now, metrics, signal } = options;
  const begin = performance.now();
  const alerts: Alert[] = [];
  const byRule = Map.groupBy(before, ({ rule }) => rule);
  const enabled = rules.filter((rule) => rule.enabled);
  let failed = 0;
  const queue = enabled[Symbol.iterator]();
  const work = async () => {
    for (const rule of queue) {
      const measured = await measureOne(rule, options);
      if (!measured) failed++;
      else if (measured.cut > 0) metrics.bounded("groups", measured.cut);
      const evaluated = evaluateRule(rule, {
        ...{ measured, before: byRule.get(rule.name) ?? [], now, base: options.base },
      });
      alerts.push(
        ...await Promise.all(evaluated.map((alert) => withCapture(alert, { rule, measured, options }))),
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const names = new Set(enabled.map(({ name }) => name));
  for (const alert of before) {
    if (!names.has(alert.rule)) alerts.push({ ...alert, ...course(ended(alert, now)) });
  }
  metrics.evaluated({ ok: enabled.length - failed, failed }, (performance.now() - begin) / 1000);
  signal.throwIfAborted();
  return bounded(alerts, metrics);
}

/** Adds whom to ask to look closer, once an alert of a rule that wants it has begun; it is asked for as long. */
async function withCapture(
  alert: Alert,
  { rule, measured, options }: { rule: Rule; measured: MeasuredGroups | undefined; options: EvaluateOptions },
): Promise<Alert> {
  const { nodesOf, signal } = options;
  if (
    !rule.capture || !nodesOf || !measured || !alert.changed ||
    alert.state !== "pending" && alert.state !== "firing"
  ) {
    return alert;
  }
  if (alert.capture && alert.startedMs !== alert.seenMs) return alert;
  const { frequency, forMs } = rule.capture;
  const group = measured.groups.find(({ labels }) => groupKey(labels) === alert.group);
  try {
    const nodes = await nodesOf(rule, { range: measured.range, labels: group?.labels ?? {} }, signal);
    return { ...alert, capture: { nodes, frequency, untilMs: alert.startedMs + forMs } };
  } catch (error) {
    burst.warn(
      `capture ${rule.name}`,
      `Cannot find the nodes of '${rule.name}': ${(error as Error).message}`,
    );
    return alert;
  }
}

async function measureOne(
  rule: Rule,
  { measure, signal }: EvaluateOptions,
): Promise<MeasuredGroups | undefined> {
  if (signal.aborted) return undefined;
  try {
    return await measure(rule, signal);
  } catch (error) {
    burst.warn(`rule ${rule.name}`, `Cannot evaluate the rule '${rule.name}': ${(error as Error).message}`);
    return undefined;
  }
}

interface Evaluated {
  /** Is `undefined` where the rule could not be measured. */
  readonly measured: MeasuredGroups | undefined;
  readonly before: readonly Alert[];
  readonly now: number;
  readonly base: URL;
}

/** Takes the alerts of one rule a step on. */
export function evaluateRule(rule: Rule, { measured, before, now, base }: Evaluated): Alert[] {
  const known = new Map(before.map((alert) => [alert.group, alert]));
  const groups = new Map((measured?.groups ?? []).map((group) => [groupKey(group.labels), group]));
  return [...new Set([...known.keys(), ...groups.keys()])].flatMap((key): Alert[] => {
    const [alert, group] = [known.get(key), groups.get(key)];
    // Of a group that is not there any more nobody knows.
    const verdict = group ? judge(group.estimate, rule) : "unknown";
    const next = step(alert, verdict, { rule, now });
    if (!next.course) return [];
    const told = alert && verdict !== "over"
      ? {
        labels: alert.labels,
        annotations: alert.annotations,
        url: alert.url,
        value: alert.value,
        samples: alert.samples,
      }
      : tell(rule, group!, { range: measured!.range, base });
    const capture = alert?.capture && { capture: alert.capture };
    return [{ ...told, ...capture, rule: rule.name, group: key, ...course(next) }];
  });
}

function course({ course, changed }: Step) {
  return { ...course!, changed };
}

function tell(rule: Rule, group: Measured, { range, base }: { range: MeasuredGroups["range"]; base: URL }) {
  return {
    labels: labelsOf(rule, group.labels),
    annotations: annotationsOf(rule, group),
    url: pageUrl(rule, { base, range, group: group.labels }),
    value: group.estimate.value,
    samples: group.estimate.samples,
  };
}

/** Leaves out what began beyond the bound; what was there before stays, and what ended is told. */
function bounded(alerts: readonly Alert[], metrics: EvaluationMetrics): Alert[] {
  const begins = (alert: Alert) =>
    alert.changed && (alert.startedMs === alert.seenMs) && alert.state !== "ended" &&
    alert.state !== "resolved";
  const old = alerts.filter((alert) => !begins(alert));
  const fresh = alerts.filter(begins).sort((a, b) =>
    b.value - a.value || (alertKey(a) < alertKey(b) ? -1 : 1)
  );
  const room = Math.max(0, MAX_ALERTS - old.length);
  if (fresh.length > room) metrics.bounded("alerts", fresh.length - room);
  return [...old, ...fresh.slice(0, room)];
}

/** Is what a rule would say now, of each group. */
export interface Judged extends Measured {
  readonly verdict: Verdict;
}

/** Judges what was measured of `rule`, without a step. */
export function judgeAll(rule: Rule, { groups }: MeasuredGroups): Judged[] {
  return groups.map((group) => ({ ...group, verdict: judge(group.estimate, rule) }));
}
