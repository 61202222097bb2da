// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what a rule of alerts is, as a file, REST and the evaluation know it.
 *
 * @module
 */

import type { Kind } from "../../profile/model.ts";
import type { AnyLabel, Matcher } from "../query/matchers.ts";

export const SEVERITIES = ["info", "warning", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

export const OPERATORS = ["gt", "gte", "lt", "lte", "eq"] as const;
export type RuleOperator = (typeof OPERATORS)[number];

/** These are of profiles: shares are from 0 to 1, times in seconds, and amounts a second. */
export const PROFILE_MEASURES = ["share", "cores", "delay", "hold", "p99", "rate", "error_rate"] as const;
export type ProfileMeasure = (typeof PROFILE_MEASURES)[number];

/** These are of the agents of the fleet: how many have stopped sending, and how many lose samples. */
export const AGENT_MEASURES = ["agents_silent", "agents_losing"] as const;
export type AgentMeasure = (typeof AGENT_MEASURES)[number];

/** These are of each aggregator itself, which evaluates them for itself. */
export const OWN_MEASURES = [
  "buffer_utilization",
  "push_error_rate",
  "push_errors_total",
  "clickhouse_flush_errors",
  "clickhouse_pending_rows",
  "event_throughput",
] as const;
export type OwnMeasure = (typeof OWN_MEASURES)[number];

export const MEASURES = [...PROFILE_MEASURES, ...AGENT_MEASURES, ...OWN_MEASURES] as const;
export type Measure = (typeof MEASURES)[number];

/** What is measured is compared with the same, so much earlier. */
export const BASELINES = ["previous", "day", "week"] as const;
export type Baseline = (typeof BASELINES)[number];

/** Asks the agents of the selection for more while the rule's alert is there. */
export interface CaptureWish {
  /** Counts CPU samples a second on each CPU. */
  readonly frequency: number;
  /** It lasts at most so long, in ms. */
  readonly forMs: number;
}

export interface Rule {
  /** The name is the rule's identity, and the label `alertname` of its alerts. */
  readonly name: string;
  readonly enabled: boolean;
  readonly severity: Severity;
  readonly measure: Measure;
  readonly operator: RuleOperator;
  readonly threshold: number;
  readonly matchers: readonly Matcher[];
  /** Names the code whose cost counts in profiles; in delays the code that waits, in holds what gave the lock back. */
  readonly function?: string;
  readonly module?: string;
  /** Only stacks whose leaf is that code, or those that go through it. @default {"total"} */
  readonly of: "self" | "total";
  /** Names what the lock is for, of delays and holds. */
  readonly class?: string;
  /** Names the call, of system calls. */
  readonly call?: string;
  /** Includes what threads wait for that have nothing to do. */
  readonly idle: boolean;
  /** Times are in ms. */
  readonly window: number;
  /** The window ends so long before now, as samples take a while to come. */
  readonly lag: number;
  readonly against?: Baseline;
  /** With a baseline: what is compared with the threshold. */
  readonly as: "ratio" | "difference";
  /** An alert fires once the condition has held so long. */
  readonly for: number;
  /** It resolves once the condition has not held for so long. */
  readonly keep: number;
  /** With fewer samples nothing is said. */
  readonly minSamples: number;
  /** The threshold must be passed by so many standard deviations of chance. */
  readonly noise: number;
  readonly forEach: readonly AnyLabel[];
  /** At most so many groups, the largest. */
  readonly groups: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly capture?: CaptureWish;
}

/** Is a rule as REST answers it; a file and who asks may leave out what has a default. Durations are like `5m`. */
export interface RuleJson {
  readonly name: string;
  readonly enabled: boolean;
  readonly severity: Severity;
  readonly measure: Measure;
  readonly operator: RuleOperator;
  readonly threshold: number;
  readonly match: string;
  readonly function: string | null;
  readonly module: string | null;
  readonly of: "self" | "total";
  readonly class: string | null;
  readonly call: string | null;
  readonly idle: boolean;
  readonly window: string;
  readonly lag: string;
  readonly against: Baseline | null;
  readonly as: "ratio" | "difference";
  readonly for: string;
  readonly keep: string;
  readonly min_samples: number;
  readonly noise: number;
  readonly for_each: readonly string[];
  readonly groups: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly capture: { readonly frequency: number; readonly for: string } | null;
}

const KIND_OF: Readonly<Record<ProfileMeasure, Kind>> = {
  share: "cpu",
  cores: "cpu",
  delay: "lock",
  hold: "lock",
  p99: "syscall",
  rate: "syscall",
  error_rate: "syscall",
};

/** Returns the kind of samples that `measure` is about; `undefined` where it is about none. */
export function kindOfMeasure(measure: Measure): Kind | undefined {
  return isProfileMeasure(measure) ? KIND_OF[measure] : undefined;
}

export function isProfileMeasure(measure: Measure): measure is ProfileMeasure {
  return (PROFILE_MEASURES as readonly string[]).includes(measure);
}

export function isAgentMeasure(measure: Measure): measure is AgentMeasure {
  return (AGENT_MEASURES as readonly string[]).includes(measure);
}

export function isOwnMeasure(measure: Measure): measure is OwnMeasure {
  return (OWN_MEASURES as readonly string[]).includes(measure);
}

const DAY_MS = 86_400_000;

/** Returns how much earlier the baseline of `rule` is, in ms; `undefined` where it has none. */
export function baselineShift({ against, window }: Pick<Rule, "against" | "window">): number | undefined {
  return against && { previous: window, day: DAY_MS, week: 7 * DAY_MS }[against];
}
