// SPDX-License-Identifier: Apache-2.0
/**
 * What can be asked of what is stored.
 *
 * @module
 */

import type { FlameGraph } from "../../profile/flame.ts";
import type { Kind, Profile, Total } from "../../profile/model.ts";
import type { AnyLabel, Matcher } from "./matchers.ts";

/** Samples of one kind whose bucket begins in [from, to) and whose series pass all matchers. */
export interface Selection {
  readonly kind: Kind;
  /** Unix milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly matchers: readonly Matcher[];
  /**
   * With what threads do that have nothing to do: of kind lock waits of idle classes, of kind syscall calls of idle
   * categories. @default {false}
   */
  readonly idle?: boolean;
}

/** What an answer took. */
export interface QueryCost {
  /** From the question to the answer, waiting for other queries included. */
  readonly elapsedMs: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** Each answer says what it took. */
export interface Answer {
  readonly cost: QueryCost;
}

export interface CommonOptions {
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** The largest stacks of a selection; each sample's series has only `comm`. */
export interface StacksAnswer extends Answer {
  readonly profile: Profile;
  /** Of the whole selection. */
  readonly total: Total;
  /** What was cut. */
  readonly other: Total;
}

/** What stacks are merged by, from their root or around one function. */
export interface TreeOptions {
  /** What the boxes' widths are. @default {"value"} */
  readonly value?: "value" | "count";
  /** How many boxes to keep, the largest first; the rest is in an `other` of each parent. @default {20000} */
  readonly maxNodes?: number;
  /** Boxes of a smaller share of the whole are cut in the same way. @default {0} */
  readonly minShare?: number;
  /** The label whose values are the first level; none for functions at once. @default {"comm"} */
  readonly firstLevel?: AnyLabel | "none";
  /** A level behind the leaf: the line in the source, or the address in the module. @default {"none"} */
  readonly lastLevel?: "none" | "line" | "address";
  /** With functions that are inlined in others. @default {true} */
  readonly inlined?: boolean;
  /** Leaves at the root: who calls what is slow. @default {false} */
  readonly inverted?: boolean;
  /** Only stacks through one of the functions of this name. */
  readonly focus?: string;
  /** Only callers, or only callees, of the functions of this name: from the one nearest to the root. */
  readonly around?: { readonly function: string; readonly side: "callers" | "callees" };
  /** Leaves out the stacks through functions of these names; their sum is in `hidden`. */
  readonly hide?: readonly string[];
  /** A function that calls itself is one box. @default {false} */
  readonly collapseRecursion?: boolean;
  /** Frames of these modules that follow each other are one box, named as the module. */
  readonly collapseModules?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface TreeAnswer extends Answer {
  readonly graph: FlameGraph;
  /** Of the whole selection; `graph.total` is of the stacks that are in the graph. */
  readonly total: Total;
  /** What `hide`, `focus` and `around` left out. */
  readonly hidden: Total;
  /** Boxes that were cut, and what they are worth together. */
  readonly cut: { readonly nodes: number; readonly total: number };
}

/** What functions are told apart by, or a label of series. */
export const CODE_GROUPS = ["function", "module", "file", "line"] as const;
export type CodeGroup = (typeof CODE_GROUPS)[number];
export type GroupBy = CodeGroup | AnyLabel;

export interface AggregateRow {
  /** One for each of `groupBy`. A function comes with its module: "function" alone groups by both. */
  readonly group: readonly string[];
  readonly module: string;
  /** Where the group is the leaf. */
  readonly self: Total;
  /** Where the group is anywhere in the stack, counted once. */
  readonly total: Total;
}

export interface AggregateAnswer extends Answer {
  /** Of the rows, where they are functions: what statements group by. */
  readonly keys?: readonly string[];
  readonly rows: readonly AggregateRow[];
  readonly total: Total;
  /** The self values of the rows that were cut. */
  readonly other: Total;
}

export interface DiffOptions extends CommonOptions {
  /** How sides are compared: by each one's share of its total, in cores, or as they are. @default {"share"} */
  readonly by?: "share" | "cores" | "value";
  /** The largest changes first, or the largest growths. @default {"change"} */
  readonly order?: "change" | "growth";
}

export interface DiffRow {
  readonly function: string;
  readonly module: string;
  readonly baseSelf: Total;
  readonly baseTotal: Total;
  readonly compareSelf: Total;
  readonly compareTotal: Total;
}

export interface DiffAnswer extends Answer {
  /** By the size of the change. */
  readonly rows: readonly DiffRow[];
  readonly base: Total;
  readonly compare: Total;
}

export interface LabelValue {
  readonly value: string;
  readonly total: Total;
}

export interface LabelValuesAnswer extends Answer {
  readonly values: readonly LabelValue[];
}

/** Code that ended waits: it had the lock until then. */
export interface LockHolder {
  /** "" where it was not seen. */
  readonly function: string;
  readonly module: string;
  /** Of the waits that it ended: how long, and how many. */
  readonly total: Total;
}

/** Code that waited for locks of one class and type. */
export interface LockSite {
  readonly function: string;
  readonly module: string;
  readonly class: string;
  readonly type: string;
  /** The functions of its stack that waited longest, leaf first. */
  readonly stack: readonly string[];
  /** How long was waited, by those that were woken and those that still wait, and how many were woken. */
  readonly total: Total;
  /** The longest of them, in ns. */
  readonly max: number;
  /** Waits that gave up. */
  readonly timeouts: number;
  readonly interrupted: number;
  /** Those who had the lock, the longest first. */
  readonly holders: readonly LockHolder[];
  readonly otherHolders: Total;
}

export interface LocksAnswer extends Answer {
  readonly sites: readonly LockSite[];
  /** Of the whole selection. */
  readonly total: Total;
  /** What was cut. */
  readonly other: Total;
}

export interface SyscallsOptions extends CommonOptions {
  /** Labels that calls are told apart by, beside their name. @default {[]} */
  readonly groupBy?: readonly AnyLabel[];
  /** Only calls of these names. @default {all} */
  readonly calls?: readonly string[];
  /** Only calls of these categories. @default {all} */
  readonly categories?: readonly string[];
}

/** One system call; times in ns. */
export interface SyscallRow {
  /** One for each of `groupBy`. */
  readonly group: readonly string[];
  readonly call: string;
  readonly category: string;
  /** How long, and how many. */
  readonly total: Total;
  readonly min: number;
  readonly max: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  /** How many failed, and of these by errno. */
  readonly failed: number;
  readonly errors: ReadonlyMap<number, number>;
  /** How many took from 2^i up to 2^(i+1) ns, at index i. */
  readonly histogram: readonly number[];
}

export interface SyscallsAnswer extends Answer {
  readonly rows: readonly SyscallRow[];
  readonly total: Total;
  /** What was cut. */
  readonly other: Total;
}

export interface StoredBatch {
  readonly agentId: string;
  /** Unix nanoseconds, as text: JSON numbers cannot hold it. */
  readonly epoch: string;
  readonly sequence: number;
  readonly node: string;
  /** Unix milliseconds. */
  readonly start: number;
  readonly end: number;
  readonly samples: Total;
  readonly losses: Readonly<Record<string, number>>;
  /** How walks along user stacks ended: `complete`, or why not. */
  readonly stackEnds: Readonly<Record<string, number>>;
}

/** From `from` up to before `to`, Unix milliseconds. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export interface TimelineOptions extends CommonOptions {
  /** What lanes are told apart by. @default {"node"} */
  readonly by?: AnyLabel | "function";
  /** Seconds of a step, tens of them. @default {60} */
  readonly step?: number;
}

/** One value of a label or one function over time. */
export interface TimelineLane {
  readonly name: string;
  readonly module: string;
  /** All that have no lane of their own. */
  readonly rest: boolean;
  /** For each step. */
  readonly value: readonly number[];
  readonly count: readonly number[];
}

export interface TimelineAnswer extends Answer {
  /** Unix milliseconds at which the first step begins. */
  readonly from: number;
  /** Seconds. */
  readonly step: number;
  readonly steps: number;
  /** The largest first, the rest last. */
  readonly lanes: readonly TimelineLane[];
}

export interface KindsAnswer extends Answer {
  readonly kinds: readonly { readonly kind: Kind; readonly total: Total }[];
}

/** An agent on one machine. */
export interface FleetAgent {
  readonly node: string;
  readonly agentId: string;
  readonly version: string;
  /** Unix milliseconds: the end of its last window, and when it was started last. */
  readonly lastEnd: number;
  readonly started: number;
  /** How often it was started. */
  readonly runs: number;
  readonly batches: number;
  /** Nanoseconds by kind. */
  readonly values: Readonly<Record<string, number>>;
  readonly losses: Readonly<Record<string, number>>;
  readonly stackEnds: Readonly<Record<string, number>>;
}

export interface FleetAnswer extends Answer {
  readonly agents: readonly FleetAgent[];
}

export interface LossesAnswer extends Answer {
  readonly losses: Readonly<Record<string, number>>;
  readonly stackEnds: Readonly<Record<string, number>>;
  readonly batches: number;
  readonly agents: number;
}

/** A file, and what of the selection goes through it. */
export interface CoverageFile {
  readonly module: string;
  readonly buildId: string;
  /** A debug file of that build id would name it. */
  readonly nameable: boolean;
  readonly total: Total;
  /** Of stacks that have code of it without a name. */
  readonly unnamed: Total;
  /** Of stacks that have code of it without debug information. */
  readonly withoutLines: Total;
}

export interface CoverageAnswer extends Answer {
  /** Those that hide most come first. */
  readonly files: readonly CoverageFile[];
}

export interface StoreTable {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly parts: number;
  readonly partitions: number;
  /** Unix milliseconds; `undefined` for what has no time. */
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
}

export interface StoreAnswer extends Answer {
  readonly tables: readonly StoreTable[];
  /** Bytes of the server's disks. */
  readonly disk: { readonly free: number; readonly total: number };
}

export interface HeatmapOptions extends CommonOptions {
  /** Only calls of these names. @default {all} */
  readonly calls?: readonly string[];
  /** Seconds of a step, tens of them. @default {60} */
  readonly step?: number;
}

export interface HeatmapAnswer extends Answer {
  /** Unix milliseconds at which the first step begins. */
  readonly from: number;
  readonly step: number;
  /** For each step how many calls took from 2^i up to 2^(i+1) ns, at index i. */
  readonly columns: readonly (readonly number[])[];
}

/** The queries that REST, gRPC and the page stand on; each is one function beside its SQL. */
export interface Queries {
  /** The selection's stacks merged to a tree. */
  tree(selection: Selection, options?: TreeOptions): Promise<TreeAnswer>;
  /** The largest stacks, for export. */
  stacks(selection: Selection, options?: CommonOptions): Promise<StacksAnswer>;
  aggregate(
    selection: Selection,
    options?: CommonOptions & { groupBy?: readonly GroupBy[] },
  ): Promise<AggregateAnswer>;
  diff(base: Selection, compare: Selection, options?: DiffOptions): Promise<DiffAnswer>;
  /** The values of `label` in the selection, the largest first. */
  labelValues(label: AnyLabel, selection: Selection, options?: CommonOptions): Promise<LabelValuesAnswer>;
  /** The code that waited longest for locks, and the code that held them. */
  lockSites(
    selection: Selection,
    options?: CommonOptions & { holders?: number },
  ): Promise<LocksAnswer>;
  /** The calls that took longest. */
  syscalls(selection: Selection, options?: SyscallsOptions): Promise<SyscallsAnswer>;
  /** How long calls took, over time. */
  callHeatmap(selection: Selection, options?: HeatmapOptions): Promise<HeatmapAnswer>;
  /** The selection over time. */
  timeline(selection: Selection, options?: TimelineOptions): Promise<TimelineAnswer>;
  /** The kinds that have data. */
  kinds(selection: Omit<Selection, "kind">, options?: { signal?: AbortSignal }): Promise<KindsAnswer>;
  /** The agents that sent batches. */
  fleet(range: TimeRange, options?: CommonOptions): Promise<FleetAnswer>;
  /** What agents lost. */
  losses(range: TimeRange, options?: { signal?: AbortSignal }): Promise<LossesAnswer>;
  /** The files that hide most time. */
  coverage(selection: Selection, options?: CommonOptions): Promise<CoverageAnswer>;
  /** What storage holds. */
  store(options?: { signal?: AbortSignal }): Promise<StoreAnswer>;
  /** The newest batches in storage. */
  batches(options?: CommonOptions & { agentId?: string }): Promise<readonly StoredBatch[]>;
}
