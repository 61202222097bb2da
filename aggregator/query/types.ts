// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what can be asked of what is stored.
 *
 * @module
 */

import type { DiffGraph } from "../../profile/diff_graph.ts";
import type { FlameGraph } from "../../profile/flame.ts";
import type { Profile, Total } from "../../profile/model.ts";
import type { AnyKind } from "../../profile/profile_type.ts";
import type { TaggedStack } from "../../profile/tagged.ts";
import type { AnyLabel, Matcher } from "./matchers.ts";

/** Selects samples of one kind, or type of profile, whose bucket begins in [from, to) and whose series pass all matchers. */
export interface Selection {
  readonly kind: AnyKind;
  /** The times are in Unix milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly matchers: readonly Matcher[];
  /**
   * Includes what threads do that have nothing to do: of kind lock waits of idle classes, of kind syscall calls of idle
   * categories. @default {false}
   */
  readonly idle?: boolean;
  /**
   * Takes of kind lock the stacks of those who held locks, in place of those who waited; what nobody was seen to hold is
   * left out. @default {false}
   */
  readonly holders?: boolean;
}

/** Chooses stacks by the functions that are in them. */
export interface StackChoice {
  /** Names the functions that stacks begin with, from the root on. @default {[]} */
  readonly path?: readonly string[];
  /** Keeps stacks that have one of these, and leaves out those that have one of those. */
  readonly include?: FunctionNames;
  readonly exclude?: FunctionNames;
}

/** Lists names of functions, and RE2 patterns that must match all of a name. */
export interface FunctionNames {
  readonly names: readonly string[];
  readonly patterns: readonly string[];
}

/** Says what an answer took. */
export interface QueryCost {
  /** Is the time from the question to the answer, waiting for other queries included. */
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

/** Holds the largest stacks of a selection; each sample's series has only `comm`. */
export interface StacksAnswer extends Answer {
  readonly profile: Profile;
  /** Is the sum of the whole selection. */
  readonly total: Total;
  /** Is the sum of what was cut. */
  readonly other: Total;
}

/** Says what stacks are merged by, from their root or around one function. */
export interface TreeOptions {
  /** Says what the boxes' widths are. @default {"value"} */
  readonly value?: "value" | "count";
  /** Says how many boxes to keep, the largest first; the rest is in an `other` of each parent. @default {20000} */
  readonly maxNodes?: number;
  /** Boxes of a smaller share of the whole are cut in the same way. @default {0} */
  readonly minShare?: number;
  /** Lists the labels whose values are the first levels, in this order; none for functions at once. @default {["comm"]} */
  readonly firstLevels?: readonly AnyLabel[];
  /** Keeps only what is below the node of this name, as `cut.below` of an answer to the same options has it. */
  readonly under?: string;
  /** Adds a level behind the leaf: the line in the source, or the address in the module. @default {"none"} */
  readonly lastLevel?: "none" | "line" | "address";
  /** Functions that are inlined in others count, too. @default {true} */
  readonly inlined?: boolean;
  /** Puts leaves at the root: who calls what is slow. @default {false} */
  readonly inverted?: boolean;
  /** Keeps only stacks through one of the functions of this name. */
  readonly focus?: string;
  /** Keeps only callers, or only callees, of the functions of this name: from the one nearest to the root. */
  readonly around?: { readonly function: string; readonly side: "callers" | "callees" };
  /** Leaves out the stacks through functions of these names; their sum is in `hidden`. */
  readonly hide?: readonly string[];
  /** A function that calls itself is one box. @default {false} */
  readonly collapseRecursion?: boolean;
  /** Frames of these modules that follow each other are one box, named as the module. */
  readonly collapseModules?: readonly string[];
  /** Leaves out all other stacks; their sum is in `hidden`. @default {all} */
  readonly choice?: StackChoice;
  readonly signal?: AbortSignal;
}

export interface TreeAnswer extends Answer {
  readonly graph: FlameGraph;
  /** Is the sum of the whole selection; `graph.total` is of the stacks that are in the graph. */
  readonly total: Total;
  /** Is the sum of what `hide`, `focus` and `around` left out. */
  readonly hidden: Total;
  /**
   * Counts boxes that were cut, and what they are worth together. `below` names the nodes that have a box `other`, in
   * the order of these boxes: level by level, from left to right.
   */
  readonly cut: { readonly nodes: number; readonly total: number; readonly below: readonly string[] };
}

/** Says how two selections are made one tree. */
export type DiffTreeOptions = Pick<
  TreeOptions,
  "value" | "maxNodes" | "minShare" | "firstLevels" | "inlined" | "under" | "signal"
>;

export interface DiffTreeAnswer extends Answer {
  readonly graph: DiffGraph;
  /** Are the sums of all stacks of each side. */
  readonly base: number;
  readonly compare: number;
  /** Is as a tree's; the total is of both sides. */
  readonly cut: TreeAnswer["cut"];
}

/** Functions are told apart by these, or by a label of series. */
export const CODE_GROUPS = ["function", "module", "file", "line"] as const;
export type CodeGroup = (typeof CODE_GROUPS)[number];
export type GroupBy = CodeGroup | AnyLabel;

export interface AggregateRow {
  /** Has one for each of `groupBy`. A function comes with its module: "function" alone groups by both. */
  readonly group: readonly string[];
  readonly module: string;
  /** Sums the stacks where the group is the leaf. */
  readonly self: Total;
  /** Sums the stacks where the group is anywhere in the stack, counted once. */
  readonly total: Total;
}

export interface AggregateAnswer extends Answer {
  /** Holds the keys of the rows, where they are functions: what statements group by. */
  readonly keys?: readonly string[];
  readonly rows: readonly AggregateRow[];
  readonly total: Total;
  /** Sums the self values of the rows that were cut. */
  readonly other: Total;
}

export interface DiffOptions extends CommonOptions {
  /** Says how sides are compared: by each one's share of its total, in cores, or as they are. @default {"share"} */
  readonly by?: "share" | "cores" | "value";
  /** Puts the largest changes first, or the largest growths. @default {"change"} */
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
  /** Holds the rows by the size of the change. */
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

/** Holds quantiles of times, in ns. */
export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Is code that was waited for: it held the lock, or woke those who waited where nobody holds what is waited for. */
export interface LockHolder {
  /** The function is "" where it was not seen, or only the thread is known. */
  readonly function: string;
  readonly module: string;
  readonly process: string;
  /** Is the thread's name, where no code of it is known; else "". */
  readonly thread: string;
  /** Says how long it was waited for, and how many waits it ended. */
  readonly total: Total;
}

/** Is code of one process that waited for locks of one class and type at one place. */
export interface LockSite extends Quantiles {
  readonly function: string;
  readonly module: string;
  readonly process: string;
  /** Are the path of the program, and the name of the thread, that waited longest. */
  readonly exe: string;
  readonly comm: string;
  readonly class: string;
  readonly type: string;
  /** Says where the lock is: `SYMBOL in MODULE`, `heap`, `stack`, `shared memory`; "" of several, or not known. */
  readonly address: string;
  /** Is true when nobody holds what is waited for: it is to come. */
  readonly idle: boolean;
  /** Is true when somebody holds it; else `holders` only woke those who wait. */
  readonly held: boolean;
  /** Names the functions of its stack that waited longest, leaf first. */
  readonly stack: readonly string[];
  /** Says how long was waited, by those that were woken and those that still wait, and how many were woken. */
  readonly total: Total;
  /** Is the longest of them as a whole, in ns. */
  readonly max: number;
  /** Says how many of those that were woken took from 2^i up to 2^(i+1) ns, at index i. */
  readonly histogram: readonly number[];
  /** Counts waits that were open at the end of the time; `oldest` is how long the oldest of them had waited, in ns. */
  readonly open: number;
  readonly oldest: number;
  /** Counts waits that gave up. */
  readonly timeouts: number;
  readonly interrupted: number;
  /** Lists those who had the lock, the longest first. */
  readonly holders: readonly LockHolder[];
  readonly otherHolders: Total;
}

/** Is code that held locks for which others waited. */
export interface HolderSite extends Quantiles {
  readonly function: string;
  readonly module: string;
  readonly process: string;
  readonly class: string;
  /** Says how long others waited for it, and how many waits it ended. */
  readonly delay: Total;
  /** Says how long it held locks for which others waited, and how often; quantiles are of these. */
  readonly held: Total;
  readonly max: number;
  /** Says how many holds took from 2^i up to 2^(i+1) ns, at index i. */
  readonly histogram: readonly number[];
}

export interface LocksAnswer extends Answer {
  readonly sites: readonly LockSite[];
  /** Lists those who held locks, the longest waited for first. */
  readonly holders: readonly HolderSite[];
  /** Is the sum of the whole selection. */
  readonly total: Total;
  /** Is the sum of the sites that were cut. */
  readonly other: Total;
  /** Sums what is left out as threads had nothing to do; nothing where the selection includes it. */
  readonly hidden: Total;
}

export interface SyscallsOptions extends CommonOptions {
  /** Names labels that calls are told apart by, beside their name. @default {[]} */
  readonly groupBy?: readonly AnyLabel[];
  /** Keeps only calls of these names. @default {all} */
  readonly calls?: readonly string[];
  /** Keeps only calls of these categories. @default {all} */
  readonly categories?: readonly string[];
  /** Says how many objects each call has; the rest is summed. @default {5} */
  readonly objects?: number;
}

/** Says what threads did in slow calls that ended: the sum of the three times is all of their time. */
export interface SlowCalls {
  readonly total: Total;
  /** Are ns on a CPU, waiting for a lock of the kernel, and in the rest, blocked. */
  readonly onCpu: number;
  readonly inLock: number;
  readonly blocked: number;
  /** Lists what they were made on, the longest first. */
  readonly objects: readonly SlowObject[];
  readonly otherObjects: Total;
}

/** Is what slow calls were made on. */
export interface SlowObject {
  /** Is the path of a file, or the peer of a socket; "" of a call that has neither. */
  readonly object: string;
  readonly total: Total;
  readonly max: number;
}

/** Is one system call; times in ns. */
export interface SyscallRow extends Quantiles {
  /** Has one for each of `groupBy`. */
  readonly group: readonly string[];
  readonly call: string;
  readonly category: string;
  /** Says how long in the selection's time, and how many ended. */
  readonly total: Total;
  readonly min: number;
  readonly max: number;
  /** Counts calls that were open at the end of the time; `oldest` is how long ago the oldest of them began, in ns. */
  readonly open: number;
  readonly oldest: number;
  readonly slow: SlowCalls;
  /** Says how many failed, and of these by errno. */
  readonly failed: number;
  readonly errors: ReadonlyMap<number, number>;
  /** Says how many took from 2^i up to 2^(i+1) ns, at index i. */
  readonly histogram: readonly number[];
}

export interface SyscallsAnswer extends Answer {
  readonly rows: readonly SyscallRow[];
  readonly total: Total;
  /** Is the sum of what was cut. */
  readonly other: Total;
  /** Sums what is left out as it waits by purpose; nothing where the selection includes it, or calls are named. */
  readonly hidden: Total;
}

export interface StoredBatch {
  readonly agentId: string;
  /** The epoch is in Unix nanoseconds, as text: JSON numbers cannot hold it. */
  readonly epoch: string;
  readonly sequence: number;
  readonly node: string;
  /** The times are in Unix milliseconds. */
  readonly start: number;
  readonly end: number;
  readonly samples: Total;
  readonly losses: Readonly<Record<string, number>>;
  /** Says how walks along user stacks ended: `complete`, or why not. */
  readonly stackEnds: Readonly<Record<string, number>>;
}

/** Goes from `from` up to before `to`, in Unix milliseconds. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export interface TimelineOptions extends CommonOptions {
  /** Lanes are told apart by this. @default {"node"} */
  readonly by?: AnyLabel | "function";
  /** A step has so many seconds, tens of them. @default {60} */
  readonly step?: number;
}

/** Is one value of a label or one function over time. */
export interface TimelineLane {
  readonly name: string;
  readonly module: string;
  /** Is true for all that have no lane of their own. */
  readonly rest: boolean;
  /** Has a value for each step. */
  readonly value: readonly number[];
  readonly count: readonly number[];
}

export interface TimelineAnswer extends Answer {
  /** Says, in Unix milliseconds, when the first step begins. */
  readonly from: number;
  /** The step is in seconds. */
  readonly step: number;
  readonly steps: number;
  /** Holds the lanes, the largest first, the rest last. */
  readonly lanes: readonly TimelineLane[];
}

export interface KindsAnswer extends Answer {
  readonly kinds: readonly { readonly kind: AnyKind; readonly total: Total }[];
}

/** Is an agent on one machine. */
export interface FleetAgent {
  readonly node: string;
  readonly agentId: string;
  readonly version: string;
  /** Is, in Unix milliseconds, the end of its last window, and when it was started last. */
  readonly lastEnd: number;
  readonly started: number;
  /** Counts how often it was started. */
  readonly runs: number;
  readonly batches: number;
  /** Holds nanoseconds by kind. */
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

/** Is a file, and what of the selection goes through it. */
export interface CoverageFile {
  readonly module: string;
  readonly buildId: string;
  /** A debug file of that build id would name it. */
  readonly nameable: boolean;
  readonly total: Total;
  /** Sums the stacks that have code of it without a name. */
  readonly unnamed: Total;
  /** Sums the stacks that have code of it without debug information. */
  readonly withoutLines: Total;
}

/** Says of each step how many agents sent windows that began in it, what they counted, and what they lost. */
export interface WindowsAnswer extends Answer {
  /** Says, in Unix milliseconds, when the first step begins. */
  readonly from: number;
  /** The step is in seconds. */
  readonly step: number;
  readonly agents: readonly number[];
  readonly counted: readonly number[];
  readonly lost: readonly number[];
}

/** Is one of several builds of a file. */
export interface Build {
  readonly module: string;
  readonly buildId: string;
  /** The times of its first and its last sample are in Unix milliseconds. */
  readonly first: number;
  readonly last: number;
}

export interface BuildsAnswer extends Answer {
  readonly builds: readonly Build[];
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
  /** The time is in Unix milliseconds; `undefined` for what has no time. */
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
}

export interface StoreAnswer extends Answer {
  readonly tables: readonly StoreTable[];
  /** Counts bytes of the server's disks. */
  readonly disk: { readonly free: number; readonly total: number };
}

export interface HeatmapOptions extends CommonOptions {
  /** Keeps only calls of these names. @default {all} */
  readonly calls?: readonly string[];
  /** A step has so many seconds, tens of them. @default {60} */
  readonly step?: number;
}

export interface HeatmapAnswer extends Answer {
  /** Says, in Unix milliseconds, when the first step begins. */
  readonly from: number;
  readonly step: number;
  /** Says for each step how many calls took from 2^i up to 2^(i+1) ns, at index i. */
  readonly columns: readonly (readonly number[])[];
}

export interface SeriesLabelsOptions {
  /** Names what tuples are made of; of none all labels are. */
  readonly names?: readonly AnyLabel[];
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** Holds the distinct labels of the series that have samples. */
export interface SeriesLabelsAnswer extends Answer {
  /** Says for each tuple of which selections it is, by their places, and its labels; those that are not set are not there. */
  readonly rows: readonly { readonly of: number; readonly labels: Readonly<Record<string, string>> }[];
}

export interface PointsOptions {
  readonly groupBy: readonly AnyLabel[];
  /** Is the time from a point to the next, in ms: each has what ended in the step before it. */
  readonly stepMs: number;
  readonly value: "value" | "count";
  /** Divides by the number of profiles of a step: one for each series and bucket. @default {false} */
  readonly average?: boolean;
  /** Keeps so many series, those of the largest sums. @default {1000} */
  readonly limit?: number;
  readonly choice?: StackChoice;
  readonly signal?: AbortSignal;
}

export interface PointsAnswer extends Answer {
  readonly series: readonly {
    readonly labels: readonly string[];
    /** Has points that are not 0, in their order in time, which is in Unix ms. */
    readonly points: readonly { readonly time: number; readonly value: number }[];
  }[];
  /** Counts the series that were cut. */
  readonly cut: number;
}

export interface TaggedStacksOptions {
  readonly limit?: number;
  readonly choice?: StackChoice;
  /** Names labels that samples keep. @default {[]} */
  readonly labels?: readonly AnyLabel[];
  readonly signal?: AbortSignal;
}

export interface TaggedStacksAnswer extends Answer {
  readonly stacks: readonly TaggedStack[];
  readonly total: Total;
  readonly other: Total;
}

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
  /** Answers the selection over time; steps of minutes have all of their minutes. */
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
