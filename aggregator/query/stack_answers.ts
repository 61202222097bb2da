// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what can be asked of stacks: trees, functions, differences.
 *
 * @module
 */

import type { DiffGraph } from "../../profile/diff_graph.ts";
import type { FlameGraph } from "../../profile/flame.ts";
import type { Profile, Total } from "../../profile/model.ts";
import type { TaggedStack } from "../../profile/tagged.ts";
import { type Answer, type CommonOptions, QuestionError, type StackChoice } from "./asked.ts";
import type { AnyLabel } from "./matchers.ts";

/** Holds the largest stacks of a selection; each sample's series has only `process` and `comm`. */
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
  /** Lists the labels whose values are the first levels, in this order; none for functions at once. @default {DEFAULT_LEVELS} */
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
export type DiffTreeOptions = Omit<TreeOptions, "lastLevel" | "choice">;

/** Is what all stacks of a side are worth. */
export interface DiffSide {
  /** Is in what boxes' widths are. */
  readonly total: number;
  /** Counts the samples, waits or calls that it is made of: how sure the total is. */
  readonly count: number;
}

export interface DiffTreeAnswer extends Answer {
  readonly graph: DiffGraph;
  readonly base: DiffSide;
  readonly compare: DiffSide;
  /** Is as a tree's; the total is of both sides. */
  readonly cut: TreeAnswer["cut"];
}

/** Functions are told apart by these, or by a label of series. */
export const CODE_GROUPS = ["function", "module", "file", "line"] as const;
export type CodeGroup = (typeof CODE_GROUPS)[number];
/**
 * Of kind lock the lock's class and type, how the wait ended, and the function of the other side, `holder` or, where
 * holders are asked for, `waiter`; of kind syscall the call. They stand beside labels, not beside code.
 */
export const WAIT_GROUPS = ["lock_class", "lock_type", "outcome", "holder", "waiter", "syscall"] as const;
export type WaitGroup = (typeof WAIT_GROUPS)[number];
export type GroupBy = CodeGroup | WaitGroup | AnyLabel;

/** Is thrown for groups that do not go together, or that the kind does not have. */
export class GroupsError extends QuestionError {
  override name = "GroupsError";
}

/** Tells whether `name` is of a group that only waits or calls have. */
export function isWaitGroup(name: string): name is WaitGroup {
  return (WAIT_GROUPS as readonly string[]).includes(name);
}

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
