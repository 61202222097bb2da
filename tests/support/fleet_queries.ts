// SPDX-License-Identifier: Apache-2.0
/**
 * Answers questions about a fleet in memory, as storage would.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import { viewOf } from "../../profile/idle.ts";
import {
  frameAt,
  type Kind,
  KIND_NUMBER,
  KINDS,
  type Profile,
  type Total,
  totalOf,
} from "../../profile/model.ts";
import { NO_LOCKS } from "../../profile/no_rows.ts";
import type { Label } from "../../profile/labels.ts";
import type { AnyLabel } from "../../aggregator/query/matchers.ts";
import { flameGraph } from "../../profile/flame.ts";
import { samplesOf } from "../../profile/samples_of.ts";
import type { AggregateRow, GroupBy, TreeOptions } from "../../aggregator/query/stack_answers.ts";
import type { LabelValue, TimelineOptions } from "../../aggregator/query/series_answers.ts";
import type { Queries } from "../../aggregator/query/types.ts";
import type { Selection, TimeRange } from "../../aggregator/query/asked.ts";
import type { StoredBatch } from "../../aggregator/query/store_answers.ts";
import type { LockHolder, SyscallsOptions } from "../../aggregator/query/wait_answers.ts";
import type { FleetNode } from "./fleet.ts";
import { HOLDER_SITES, LOCK_SITES, SYSCALL_ROWS } from "./fleet_waits.ts";
import { bothGraphs } from "./graphs.ts";

function notHere(): Promise<never> {
  return Promise.reject(new Error("Cannot answer this out of memory"));
}

/** Queries on a fleet in memory, for what stands before storage; the tests of storage have the real one. */
export class FleetQueries implements Queries {
  readonly #fleet: readonly FleetNode[];

  constructor(nodes: readonly FleetNode[]) {
    this.#fleet = nodes;
  }

  /** What the field's protocols ask is asked of an engine, in their own tests. */
  seriesLabels = notHere;
  points = notHere;

  async taggedStacks(selection: Selection) {
    const { profile, ...answer } = await this.stacks(selection);
    const { offset, frame } = profile.stacks;
    const samples = samplesOf(profile, selection.kind);
    const stacks = Array.from(samples.stack, (stack, i) => ({
      frames: Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => frameAt(profile, row)),
      tags: {},
      total: { value: samples.value[i]!, count: samples.count[i]! },
    }));
    return { ...answer, stacks };
  }

  tree(selection: Selection, { value = "value", maxNodes = 20_000 }: TreeOptions = {}) {
    const profile = this.#select(selection);
    const graph = flameGraph(profile, { kind: selection.kind as Kind, value, maxNodes });
    return Promise.resolve({
      graph,
      total: totalOf(profile),
      hidden: { value: 0, count: 0 },
      cut: { nodes: 0, total: 0, below: [] },
      cost: NO_COST,
    });
  }

  stacks(selection: Selection) {
    const profile = this.#select(selection);
    return Promise.resolve({
      profile,
      total: totalOf(profile),
      other: { value: 0, count: 0 },
      cost: NO_COST,
    });
  }

  aggregate(selection: Selection, { groupBy = ["function"], limit = 100 }: {
    groupBy?: readonly GroupBy[];
    limit?: number;
  } = {}) {
    const profile = this.#select(selection);
    const rows = leaves(profile, groupBy).toSorted((a, b) => b.self.value - a.self.value);
    return Promise.resolve({
      rows: rows.slice(0, limit),
      total: totalOf(profile),
      other: { value: 0, count: 0 },
      cost: NO_COST,
    });
  }

  diff(base: Selection, compare: Selection) {
    const [first, second] = [totalOf(this.#select(base)), totalOf(this.#select(compare))];
    const row = { function: "main", module: "/bin/demo", baseSelf: first, baseTotal: first };
    return Promise.resolve({
      rows: [{ ...row, compareSelf: second, compareTotal: second }],
      base: first,
      compare: second,
      cost: NO_COST,
    });
  }

  diffTree(base: Selection, compare: Selection) {
    const [before, after] = [base, compare].map((selection) => {
      const profile = this.#select(selection);
      const { value, count } = totalOf(profile);
      const graph = flameGraph(profile, { kind: selection.kind as Kind });
      return { graph, side: { total: value, count } };
    });
    return Promise.resolve({
      graph: bothGraphs(before!.graph, after!.graph),
      base: before!.side,
      compare: after!.side,
      cut: { nodes: 0, total: 0, below: [] },
      cost: NO_COST,
    });
  }

  labelValues(label: AnyLabel, selection: Selection, { limit = 100 }: { limit?: number } = {}) {
    const nodes = this.#fleet.filter(({ node }) => passes(selection, "node", node));
    const values: LabelValue[] = label === "node"
      ? nodes.map(({ node }) => ({
        value: node,
        total: totalOf(
          this.#select({
            ...selection,
            matchers: [...selection.matchers, { label, operator: "=", value: node }],
          }),
        ),
      }))
      : leaves(this.#select(selection), [label]).map(({ group, self }) => ({
        value: group[0]!,
        total: self,
      }));
    const largest = values.filter(({ total }) => total.count > 0)
      .sort((a, b) => b.total.value - a.total.value).slice(0, limit);
    return Promise.resolve({ values: largest, cost: NO_COST });
  }

  lockSites({ idle = false }: Selection, { limit = 50 }: { limit?: number } = {}) {
    const shown = LOCK_SITES.filter((site) => idle || site.class !== "condvar").slice(0, limit);
    const waits = (of: LockHolder) =>
      of.waits.map(({ site, total }) => ({ site: shown.indexOf(LOCK_SITES[site]!), total }));
    const sites = shown.map((site) => ({
      ...site,
      holders: site.holders.map((holder) => ({ ...holder, waits: waits(holder) })),
    }));
    const total = sum(sites);
    const hidden = sum(LOCK_SITES.filter((site) => !idle && site.class === "condvar"));
    const none = { value: 0, count: 0 };
    return Promise.resolve({ sites, holders: HOLDER_SITES, total, other: none, hidden, cost: NO_COST });
  }

  syscalls({ idle = false }: Selection, { groupBy = [], limit = 100 }: SyscallsOptions = {}) {
    const rows = SYSCALL_ROWS.filter((row) => idle || row.category !== "wait").slice(0, limit)
      .map((row) => ({ ...row, group: groupBy.map((label) => label === "comm" ? "postgres" : "") }));
    const hidden = sum(SYSCALL_ROWS.filter((row) => !idle && row.category === "wait"));
    return Promise.resolve({ rows, total: sum(rows), other: { value: 0, count: 0 }, hidden, cost: NO_COST });
  }

  callHeatmap(selection: Selection) {
    return Promise.resolve({ from: selection.from, step: 60, columns: [[0, 3, 1]], cost: NO_COST });
  }

  timeline(selection: Selection, { step = 60 }: TimelineOptions = {}) {
    const { value, count } = totalOf(this.#select(selection));
    const lane = { name: "db-1", module: "", rest: false, value: [value], count: [count] };
    return Promise.resolve({ from: selection.from, step, steps: 1, lanes: [lane], cost: NO_COST });
  }

  kinds(selection: Omit<Selection, "kind">) {
    const kinds = KINDS.map((kind) => ({
      kind,
      total: totalOf(this.#select({ ...selection, kind, idle: true })),
    }));
    return Promise.resolve({ kinds: kinds.filter(({ total }) => total.count > 0), cost: NO_COST });
  }

  fleet() {
    const agents = this.#fleet.map(({ node }) => ({
      ...{ node, agentId: node, version: "0.1.0", lastEnd: 1_764_000_010_000, started: 1_764_000_000_000 },
      ...{ runs: 1, batches: 1, values: { cpu: 1 }, losses: {}, stackEnds: { complete: 1 } },
      usage: { cores: 0.0123, memoryBytes: 96 * 2 ** 20 },
    }));
    return Promise.resolve({ agents, cost: NO_COST });
  }

  losses() {
    return Promise.resolve({ losses: {}, stackEnds: {}, batches: 1, agents: 1, cost: NO_COST });
  }

  windows({ from }: TimeRange, { step = 60 }: { step?: number } = {}) {
    return Promise.resolve({ from, step, agents: [3], counted: [16_800], lost: [0], cost: NO_COST });
  }

  builds() {
    return Promise.resolve({ builds: [], cost: NO_COST });
  }

  coverage(selection: Selection) {
    const total = totalOf(this.#select(selection));
    const file = {
      module: "/bin/demo",
      buildId: "abcd",
      nameable: true,
      total,
      unnamed: total,
      withoutLines: total,
    };
    return Promise.resolve({ files: [file], cost: NO_COST });
  }

  store() {
    const table = {
      name: "samples",
      rows: 1,
      bytes: 1,
      parts: 1,
      partitions: 1,
      oldest: 0,
      newest: undefined,
    };
    return Promise.resolve({ tables: [table], disk: { free: 1, total: 2 }, cost: NO_COST });
  }

  batches(): Promise<StoredBatch[]> {
    return Promise.resolve(this.#fleet.map(({ node, profile }) => ({
      agentId: node,
      epoch: "1764000000000000000",
      sequence: 1,
      node,
      start: 1_764_000_000_000,
      end: 1_764_000_010_000,
      samples: totalOf(profile),
      losses: {},
      stackEnds: {},
    })));
  }

  #select(selection: Selection): Profile {
    const known = SELECTED.get(this.#fleet) ?? new Map<string, Profile>();
    SELECTED.set(this.#fleet, known);
    // The fleet has the same at all times.
    const { kind, idle = false, matchers } = selection;
    const key = JSON.stringify([kind, idle, matchers]);
    let profile = known.get(key);
    if (profile === undefined) known.set(key, profile = this.#merge(selection));
    return profile;
  }

  #merge(selection: Selection): Profile {
    const builder = new ProfileBuilder();
    for (const { node, profile } of this.#fleet) {
      if (!passes(selection, "node", node)) continue;
      const whole = viewOf(profile, selection.kind as Kind, selection);
      builder.merge({ ...filtered(whole, selection), locks: NO_LOCKS });
    }
    return builder.build();
  }
}

/** Holds what was selected of each fleet: pages ask for the same again and again. */
const SELECTED = new WeakMap<readonly FleetNode[], Map<string, Profile>>();

function sum(rows: readonly { readonly total: Total }[]): Total {
  return rows.reduce(
    (all, { total }) => ({ value: all.value + total.value, count: all.count + total.count }),
    { value: 0, count: 0 },
  );
}

function filtered(profile: Profile, selection: Selection): Profile {
  const { samples, series, strings } = profile;
  const keep = samples.kind.map((kind, i) => {
    const comm = strings[series.comm[samples.series[i]!]!]!;
    return kind === KIND_NUMBER[selection.kind as Kind] && passes(selection, "comm", comm) ? 1 : 0;
  });
  const kept = (_: number, i: number) => keep[i] === 1;
  return {
    ...profile,
    samples: {
      kind: samples.kind.filter(kept),
      series: samples.series.filter(kept),
      stack: samples.stack.filter(kept),
      value: samples.value.filter(kept),
      count: samples.count.filter(kept),
    },
  };
}

function passes({ matchers }: Selection, label: Label, value: string): boolean {
  return matchers.every((m) => m.label !== label || (m.value === value) === (m.operator === "="));
}

const NO_COST = { elapsedMs: 1, rowsRead: 0, bytesRead: 0 };

/** Rows by what the leaf, or the series, has of `groupBy`; labels that the fleet does not know are "". */
function leaves(
  { samples, series, stacks, frames, strings }: Profile,
  groupBy: readonly GroupBy[],
): AggregateRow[] {
  const rows = new Map<string, AggregateRow>();
  samples.stack.forEach((stack, i) => {
    const leaf = stacks.frame[stacks.offset[stack]!]!;
    const module = strings[frames.module[leaf]!]!;
    const group = groupBy.map((by) => {
      if (by === "function") return strings[frames.function[leaf]!]!;
      if (by === "module") return module;
      if (by === "file") return `/src${module}.c`;
      return by === "comm" ? strings[series.comm[samples.series[i]!]!]! : "";
    });
    const before = rows.get(group.join("\0"))?.self ?? { value: 0, count: 0 };
    const self = { value: before.value + samples.value[i]!, count: before.count + samples.count[i]! };
    rows.set(group.join("\0"), {
      group,
      module: groupBy.includes("function") ? module : "",
      self,
      total: self,
    });
  });
  return [...rows.values()];
}
