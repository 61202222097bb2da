// SPDX-License-Identifier: Apache-2.0
/**
 * Makes all queries of one database.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { Admission, type AdmissionOptions, questionsAtOnce, threadsOf } from "./admission.ts";
import { agentWindows } from "./agent_windows.ts";
import { aggregate } from "./aggregate.ts";
import { batches } from "./batches.ts";
import { builds } from "./builds.ts";
import { callHeatmap } from "./call_heatmap.ts";
import { coverage } from "./coverage.ts";
import { diff } from "./diff.ts";
import { diffTree } from "./diff_tree.ts";
import { fleet, losses } from "./fleet.ts";
import { kinds } from "./kinds.ts";
import { labelValues } from "./label_values.ts";
import { lockSites } from "./lock_sites.ts";
import { Oldest } from "./oldest.ts";
import { points } from "./points.ts";
import { type QueryLimits, Question } from "./question.ts";
import { seriesLabels } from "./series_labels.ts";
import { stacks } from "./stacks.ts";
import { storeFigures } from "./store_figures.ts";
import { syscalls } from "./syscalls.ts";
import { taggedStacks } from "./tagged_stacks.ts";
import { timeline } from "./timeline.ts";
import { tree } from "./tree.ts";
import type { Queries } from "./types.ts";

export interface QueriesOptions extends Pick<AdmissionOptions, "waiting"> {
  /**
   * Is how many CPUs the engine has, where it shares them with what is written: as many questions as that run at once, and
   * share them. @default {not known: each is left to the server}
   */
  readonly cpus?: number;
  /** Says what each statement may take. */
  readonly limits?: QueryLimits;
}

/** Holds queries, and how many of them are at work. */
export interface QueuedQueries extends Queries {
  /** Counts the questions that storage works on, and that wait for their turn. */
  readonly queue: Pick<Admission, "running" | "waiting">;
}

/** Makes the queries of the database behind `client`. */
export function createQueries(client: StorageClient, options: QueriesOptions = {}): QueuedQueries {
  const { cpus, waiting } = options;
  const admission = new Admission({
    ...(waiting !== undefined && { waiting }),
    ...(cpus !== undefined && { concurrent: questionsAtOnce(cpus) }),
  });
  const oldest = new Oldest(client);
  /** Asks `name` once for all who ask the same at the same time. */
  const ask = <T, O extends { readonly signal?: AbortSignal }>(
    name: string,
    args: readonly unknown[],
    given: O | undefined,
    answer: (question: Question, options: Omit<O, "signal">) => Promise<T>,
  ): Promise<T> => {
    const { signal, ...rest } = given ?? {} as O;
    const run = async (shared: AbortSignal) => {
      const reach = await oldest.get(shared);
      const question = new Question(client, {
        name,
        oldest: reach,
        signal: shared,
        ...(cpus !== undefined && { threads: threadsOf(cpus, admission) }),
        ...(options.limits && { limits: options.limits }),
      });
      return await answer(question, rest);
    };
    return admission.run(JSON.stringify([name, ...args, rest], unbounded), run, signal);
  };
  return {
    queue: admission,
    tree: (selection, options) => ask("tree", [selection], options, (q, o) => tree(q, selection, o)),
    stacks: (selection, options) => ask("stacks", [selection], options, (q, o) => stacks(q, selection, o)),
    aggregate: (selection, options) =>
      ask("aggregate", [selection], options, (q, o) => aggregate(q, selection, o)),
    diff: (base, compare, options) =>
      ask("diff", [base, compare], options, (q, o) => diff(q, base, compare, o)),
    diffTree: (base, compare, options) =>
      ask("diff tree", [base, compare], options, (q, o) => diffTree(q, base, compare, o)),
    labelValues: (label, selection, options) =>
      ask("label values", [label, selection], options, (q, o) => labelValues(q, label, selection, o)),
    lockSites: (selection, options) =>
      ask("lock sites", [selection], options, (q, o) => lockSites(q, selection, o)),
    syscalls: (selection, options) =>
      ask("syscalls", [selection], options, (q, o) => syscalls(q, selection, o)),
    callHeatmap: (selection, options) =>
      ask("call heatmap", [selection], options, (q, o) => callHeatmap(q, selection, o)),
    timeline: (selection, options) =>
      ask("timeline", [selection], options, (q, o) => timeline(q, selection, o)),
    kinds: (selection, options) => ask("kinds", [selection], options, (q) => kinds(q, selection)),
    fleet: (range, options) => ask("fleet", [range], options, (q, o) => fleet(q, range, o)),
    losses: (range, options) => ask("losses", [range], options, (q) => losses(q, range)),
    windows: (range, options) => ask("windows", [range], options, (q, o) => agentWindows(q, range, o)),
    builds: (selection, options) => ask("builds", [selection], options, (q, o) => builds(q, selection, o)),
    coverage: (selection, options) =>
      ask("coverage", [selection], options, (q, o) => coverage(q, selection, o)),
    seriesLabels: (selections, options) =>
      ask("series labels", [selections], options, (q, o) => seriesLabels(q, selections, o)),
    points: (selection, options) => ask("points", [selection], options, (q, o) => points(q, selection, o)),
    taggedStacks: (selection, options) =>
      ask("tagged stacks", [selection], options, (q, o) => taggedStacks(q, selection, o)),
    store: (options) => ask("store", [], options, (q) => storeFigures(q)),
    batches: (options) => ask("batches", [], options, (q, o) => batches(q, o)),
  };
}

/** Makes text of a number that is not finite: JSON has no infinity, and `null` for what is not a number. */
function unbounded(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
