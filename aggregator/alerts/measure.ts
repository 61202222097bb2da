// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what a rule is about, in storage: an estimate for each of its groups.
 *
 * @module
 */

import { quantile } from "../../profile/histogram.ts";
import { labelValues } from "../query/label_values.ts";
import type { AnyLabel, Matcher } from "../query/matchers.ts";
import { Oldest } from "../query/oldest.ts";
import { Question } from "../query/question.ts";
import { syscalls } from "../query/syscalls.ts";
import type { Selection } from "../query/asked.ts";
import type { SyscallRow } from "../query/wait_answers.ts";
import type { StorageClient } from "../storage/client.ts";
import { type AgentState, agentStates } from "./agent_states.ts";
import { type CodeWeights, codeWeights } from "./code_weights.ts";
import { compareEstimates, type Estimate, estimate, estimateShare, estimateSum } from "./estimate.ts";
import { baselineShift, isAgentMeasure, isOwnMeasure, kindOfMeasure, type Rule } from "./rule.ts";

/** Is one group of a rule. */
export interface Measured {
  /** Holds the values of the labels of `forEach`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Is compared with the threshold. */
  readonly estimate: Estimate;
  /** Are what was measured now, and so much earlier, where the rule has a baseline. */
  readonly now: Estimate;
  readonly base?: Estimate;
}

export interface MeasuredGroups {
  readonly groups: readonly Measured[];
  /** Counts the groups beyond the rule's bound: nothing is said of these. */
  readonly cut: number;
  /** Is what the groups are measured in, and in what they are compared with; Unix ms. */
  readonly range: { readonly from: number; readonly to: number };
}

const SECOND_NS = 1e9;
/** Storage has no finer buckets. */
const BUCKET_MS = 10_000;
/** One question may take so long, and so much memory. */
const LIMITS = { timeoutMs: 20_000, memoryBytes: 2 ** 29 };
/** Agents of so many nodes of an alert are asked to look closer. */
const MAX_NODES = 20;
/** Calls have one category each, but for some that have two. */
const ROWS_OF_GROUP = 4;

/** Asks storage what rules are about. */
export class Measurer {
  readonly #client: StorageClient;
  readonly #oldest: Oldest;

  constructor(client: StorageClient) {
    this.#client = client;
    this.#oldest = new Oldest(client);
  }

  /**
   * Measures `rule`, which is not about aggregators' own figures, at `now` (Unix ms).
   *
   * @throws {StorageError}
   */
  async measure(rule: Rule, now: number, signal?: AbortSignal): Promise<MeasuredGroups> {
    const range = rangeOf(rule, now);
    const current = await this.#ask(rule, range, signal);
    const shift = baselineShift(rule);
    if (shift === undefined) {
      const groups = current.groups.map(({ labels, now }) => ({ labels, now, estimate: now }));
      return { groups, cut: current.cut, range };
    }
    const earlier = await this.#ask(rule, { from: range.from - shift, to: range.to - shift }, signal);
    const bases = new Map(earlier.groups.map(({ labels, now }) => [groupKey(labels), now]));
    const groups = current.groups.map(({ labels, now }): Measured => {
      // A group that was not there has no samples: nothing is said of it.
      const base = bases.get(groupKey(labels)) ?? estimate(0, 0, 0);
      return { labels, now, base, estimate: compareEstimates(now, base, rule.as) };
    });
    return { groups, cut: current.cut, range };
  }

  /**
   * Returns the nodes that a group of `rule` is on, those with most first, at most {@linkcode MAX_NODES}.
   *
   * @throws {StorageError}
   */
  async nodes(
    rule: Rule,
    { range, labels }: { range: MeasuredGroups["range"]; labels: Readonly<Record<string, string>> },
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    const kind = kindOfMeasure(rule.measure);
    if (kind === undefined) return [];
    const own = Object.entries(labels).map(([label, value]): Matcher => ({
      ...{ label: label as AnyLabel, operator: "=", value },
    }));
    const question = await this.#question(`alert ${rule.measure} nodes`, signal);
    const selection = { kind, ...range, matchers: [...rule.matchers, ...own], idle: rule.idle };
    const { values } = await labelValues(question, "node", selection, { limit: MAX_NODES });
    return values.map(({ value }) => value);
  }

  async #question(name: string, signal?: AbortSignal): Promise<Question> {
    return new Question(this.#client, {
      name,
      oldest: await this.#oldest.get(signal),
      limits: LIMITS,
      signal,
    });
  }

  async #ask(rule: Rule, range: { from: number; to: number }, signal?: AbortSignal): Promise<Side> {
    const question = await this.#question(`alert ${rule.measure}`, signal);
    if (isAgentMeasure(rule.measure)) {
      const states = await agentStates(question, range, rule.matchers);
      return { groups: agentGroups(states, rule), cut: 0 };
    }
    const kind = kindOfMeasure(rule.measure);
    if (kind === undefined || isOwnMeasure(rule.measure)) {
      throw new TypeError(`Cannot measure '${rule.measure}' in storage`);
    }
    const selection: Selection = { kind, ...range, matchers: rule.matchers, idle: rule.idle };
    const seconds = (range.to - range.from) / 1000;
    return kind === "syscall"
      ? await callGroups(question, { selection, rule, seconds })
      : await codeGroups(question, { selection, rule, seconds });
  }
}

interface Side {
  readonly groups: readonly { readonly labels: Readonly<Record<string, string>>; readonly now: Estimate }[];
  readonly cut: number;
}

/** Returns the range that `rule` looks at: whole buckets, which have had the time to come. */
export function rangeOf({ window, lag }: Pick<Rule, "window" | "lag">, now: number) {
  const to = Math.floor((now - lag) / BUCKET_MS) * BUCKET_MS;
  return { from: to - Math.ceil(window / BUCKET_MS) * BUCKET_MS, to };
}

/** Returns what tells the groups of a rule apart. */
export function groupKey(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1));
}

interface Asked {
  readonly selection: Selection;
  readonly rule: Rule;
  readonly seconds: number;
}

async function codeGroups(question: Question, { selection, rule, seconds }: Asked): Promise<Side> {
  const { forEach, groups, noise } = rule;
  const { rows, cut } = await codeWeights(question, selection, {
    ...{ function: rule.function, module: rule.module, of: rule.of, class: rule.class },
    ...{ labels: forEach, limit: groups, holds: rule.measure === "hold" },
  });
  const measured = (row: CodeWeights): Estimate => {
    if (rule.measure === "share") {
      const share = row.value > 0 ? row.hitValue / row.value : 0;
      // Values weigh each sample by its period, which need not be the same on all nodes.
      return { ...estimateShare(row.hitCount, row.count, noise), value: share };
    }
    const max = selection.kind === "lock" ? row.hitMax : row.count > 0 ? row.value / row.count : 0;
    const sum = { sum: row.hitValue, count: row.hitCount, max, scale: 1 / (seconds * SECOND_NS) };
    return estimateSum(sum, { noise, samples: row.count });
  };
  return { groups: rows.map((row) => ({ labels: named(forEach, row.labels), now: measured(row) })), cut };
}

async function callGroups(question: Question, { selection, rule, seconds }: Asked): Promise<Side> {
  const { forEach, groups: limit } = rule;
  const { rows } = await syscalls(question, selection, {
    groupBy: forEach,
    ...(rule.call !== undefined && { calls: [rule.call] }),
    // One more group than is told shows that there are more.
    limit: rule.call === undefined ? 10_000 : (limit + 1) * ROWS_OF_GROUP,
  });
  const byGroup = Map.groupBy(rows, ({ group }) => JSON.stringify(group));
  // Without labels there is one group, even of no calls.
  if (forEach.length === 0 && byGroup.size === 0) byGroup.set("[]", []);
  const groups = [...byGroup.values()].slice(0, limit).map((rows) => ({
    labels: named(forEach, rows[0]?.group ?? []),
    now: callEstimate(rows, { rule, seconds }),
  }));
  return { groups, cut: byGroup.size - groups.length };
}

function callEstimate(
  rows: readonly SyscallRow[],
  { rule: { measure, noise }, seconds }: Pick<Asked, "rule" | "seconds">,
): Estimate {
  const sum = (of: (row: SyscallRow) => number) => rows.reduce((total, row) => total + of(row), 0);
  const calls = sum(({ total }) => total.count);
  if (measure === "rate") {
    return estimateSum({ sum: calls, count: calls, max: 1, scale: 1 / seconds }, { noise, samples: calls });
  }
  if (measure === "error_rate") return estimateShare(sum(({ failed }) => failed), calls, noise);
  const histogram = Array.from({ length: 64 }, (_, i) => sum((row) => row.histogram[i] ?? 0));
  // So many of the calls may lie on the other side of the quantile by chance.
  const off = calls > 0 ? noise * Math.sqrt(0.99 * 0.01 / calls) : 0;
  const at = (q: number) => quantile(histogram, Math.min(1, Math.max(0, q))) / SECOND_NS;
  const value = at(0.99);
  return { value, down: value - at(0.99 - off), up: at(0.99 + off) - value, samples: calls };
}

function agentGroups(states: readonly AgentState[], { measure, forEach }: Rule): Side["groups"] {
  const holds = (state: AgentState) => measure === "agents_silent" ? state.silent : state.losing;
  // Agents are not samples: none is too few.
  const counted = (of: readonly AgentState[]) => estimate(of.filter(holds).length, 0, Infinity);
  if (forEach.length === 0) return [{ labels: {}, now: counted(states) }];
  return states.map((state) => ({ labels: { node: state.node }, now: counted([state]) }));
}

function named(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? ""]));
}
