// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what can be asked of what is stored.
 *
 * @module
 */

import type { CommonOptions, Selection, TimeRange } from "./asked.ts";
import type { AnyLabel } from "./matchers.ts";
import type {
  KindsAnswer,
  LabelValuesAnswer,
  PointsAnswer,
  PointsOptions,
  SeriesLabelsAnswer,
  SeriesLabelsOptions,
  TimelineAnswer,
  TimelineOptions,
} from "./series_answers.ts";
import type {
  AggregateAnswer,
  DiffAnswer,
  DiffOptions,
  DiffTreeAnswer,
  DiffTreeOptions,
  GroupBy,
  StacksAnswer,
  TaggedStacksAnswer,
  TaggedStacksOptions,
  TreeAnswer,
  TreeOptions,
} from "./stack_answers.ts";
import type {
  BuildsAnswer,
  CoverageAnswer,
  FleetAnswer,
  LossesAnswer,
  StoreAnswer,
  StoredBatch,
  WindowsAnswer,
} from "./store_answers.ts";
import type {
  HeatmapAnswer,
  HeatmapOptions,
  LocksAnswer,
  SyscallsAnswer,
  SyscallsOptions,
} from "./wait_answers.ts";

/** Holds the queries that the field's protocols stand on, beside those of our own. */
export interface FieldQueries {
  /** Answers the labels of the series that any of the selections has. */
  seriesLabels(selections: readonly Selection[], options?: SeriesLabelsOptions): Promise<SeriesLabelsAnswer>;
  /** Answers sums over time, by labels. */
  points(selection: Selection, options: PointsOptions): Promise<PointsAnswer>;
  /** Answers the largest stacks, with labels of what was waited for or called. */
  taggedStacks(selection: Selection, options?: TaggedStacksOptions): Promise<TaggedStacksAnswer>;
}

/** Holds the queries that REST, gRPC and the page stand on; each is one function beside its SQL. */
export interface Queries extends FieldQueries {
  /** Answers the selection's stacks merged to a tree. */
  tree(selection: Selection, options?: TreeOptions): Promise<TreeAnswer>;
  /** Answers the largest stacks, for export. */
  stacks(selection: Selection, options?: CommonOptions): Promise<StacksAnswer>;
  aggregate(
    selection: Selection,
    options?: CommonOptions & { groupBy?: readonly GroupBy[] },
  ): Promise<AggregateAnswer>;
  diff(base: Selection, compare: Selection, options?: DiffOptions): Promise<DiffAnswer>;
  /** Answers the stacks of both selections merged to one tree. */
  diffTree(base: Selection, compare: Selection, options?: DiffTreeOptions): Promise<DiffTreeAnswer>;
  /** Answers the values of `label` in the selection, the largest first; of ten minutes or more in whole minutes. */
  labelValues(label: AnyLabel, selection: Selection, options?: CommonOptions): Promise<LabelValuesAnswer>;
  /** Answers the code that waited longest for locks, and the code that held them. */
  lockSites(
    selection: Selection,
    options?: CommonOptions & { holders?: number },
  ): Promise<LocksAnswer>;
  /** Answers the calls that took longest. */
  syscalls(selection: Selection, options?: SyscallsOptions): Promise<SyscallsAnswer>;
  /** Answers how long calls took, over time. */
  callHeatmap(selection: Selection, options?: HeatmapOptions): Promise<HeatmapAnswer>;
  /** Answers the selection over time; of ten minutes or more, labels in steps of minutes have all of their minutes. */
  timeline(selection: Selection, options?: TimelineOptions): Promise<TimelineAnswer>;
  /** Answers the kinds that have data; of ten minutes or more in whole minutes. */
  kinds(selection: Omit<Selection, "kind">, options?: { signal?: AbortSignal }): Promise<KindsAnswer>;
  /** Answers the agents that sent batches. */
  fleet(range: TimeRange, options?: CommonOptions): Promise<FleetAnswer>;
  /** Answers what agents lost. */
  losses(range: TimeRange, options?: { signal?: AbortSignal }): Promise<LossesAnswer>;
  /** Answers over time which agents sent windows, and what they lost. */
  windows(
    range: TimeRange,
    options?: { readonly step?: number; readonly signal?: AbortSignal },
  ): Promise<WindowsAnswer>;
  /** Answers the builds of files that were replaced meanwhile. */
  builds(selection: Selection, options?: CommonOptions): Promise<BuildsAnswer>;
  /** Answers the files that hide most time. */
  coverage(selection: Selection, options?: CommonOptions): Promise<CoverageAnswer>;
  /** Answers what storage holds. */
  store(options?: { signal?: AbortSignal }): Promise<StoreAnswer>;
  /** Answers the newest batches in storage. */
  batches(options?: CommonOptions & { agentId?: string }): Promise<readonly StoredBatch[]>;
}
