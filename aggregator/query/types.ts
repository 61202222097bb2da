/**
 * What can be asked of what is stored.
 *
 * @module
 */

import type { Kind, Profile, Total } from "../../profile/model.ts";
import type { SyscallsOptions } from "./syscalls.ts";

/** What series can be chosen and grouped by. */
export const LABELS = ["node", "namespace", "pod", "container", "service", "exe", "comm", "pid"] as const;
export type Label = (typeof LABELS)[number];

/** A label of pods, as series of some agents have it: `label.app`. */
export type PodLabel = `label.${string}`;

/** A letter or digit at both ends, and `-`, `_`, `.` and `/` between: the names that Kubernetes allows. */
const POD_LABEL = /^label\.[A-Za-z0-9]([A-Za-z0-9._/-]{0,315}[A-Za-z0-9])?$/;

/** Whether `name` is of a label of pods, and one that there can be. */
export function isPodLabel(name: string): name is PodLabel {
  return POD_LABEL.test(name);
}

/** Whether series can be chosen by `name`. */
export function isSelectable(name: string): name is Label | PodLabel {
  return (LABELS as readonly string[]).includes(name) || isPodLabel(name);
}

export interface Matcher {
  readonly label: Label | PodLabel;
  readonly values: readonly string[];
  /** True: passes when the label is none of the values. */
  readonly negate: boolean;
}

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

/** The largest stacks of a selection; each sample's series has only `comm`, the root of a flame graph. */
export interface StacksAnswer {
  readonly profile: Profile;
  /** Of the whole selection. */
  readonly total: Total;
  /** What was cut. */
  readonly other: Total;
}

export type GroupBy = "function" | "module" | Label;

export interface AggregateRow {
  /** One for each of `groupBy`. A function comes with its module: "function" alone groups by both. */
  readonly group: readonly string[];
  readonly module: string;
  /** Where the group is the leaf. */
  readonly self: Total;
  /** Where the group is anywhere in the stack. */
  readonly total: Total;
}

export interface AggregateAnswer {
  readonly rows: readonly AggregateRow[];
  readonly total: Total;
  /** The self values of the rows that were cut. */
  readonly other: Total;
}

export interface DiffRow {
  readonly function: string;
  readonly module: string;
  readonly baseSelf: Total;
  readonly baseTotal: Total;
  readonly compareSelf: Total;
  readonly compareTotal: Total;
}

export interface DiffAnswer {
  /** By the size of the change in each row's share of its side's total. */
  readonly rows: readonly DiffRow[];
  readonly base: Total;
  readonly compare: Total;
}

export interface LabelValue {
  readonly value: string;
  readonly total: Total;
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
  /** Of the waits that were woken: how long, and how many. */
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

export interface LocksAnswer {
  readonly sites: readonly LockSite[];
  /** Of the whole selection, of waits that were woken. */
  readonly total: Total;
  /** What was cut. */
  readonly other: Total;
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

export interface SyscallsAnswer {
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

/** The queries that REST, gRPC and the page stand on; each is one function beside its SQL. */
export interface Queries {
  stacks(selection: Selection, options?: { limit?: number; signal?: AbortSignal }): Promise<StacksAnswer>;
  aggregate(
    selection: Selection,
    options?: { groupBy?: readonly GroupBy[]; limit?: number; signal?: AbortSignal },
  ): Promise<AggregateAnswer>;
  diff(
    base: Selection,
    compare: Selection,
    options?: { limit?: number; signal?: AbortSignal },
  ): Promise<DiffAnswer>;
  /** The values of `label` in the selection, the largest first. */
  labelValues(
    label: Label | PodLabel,
    selection: Selection,
    options?: { limit?: number; signal?: AbortSignal },
  ): Promise<readonly LabelValue[]>;
  /** The code that waited longest for locks, and the code that held them. */
  lockSites(
    selection: Selection,
    options?: { limit?: number; holders?: number; signal?: AbortSignal },
  ): Promise<LocksAnswer>;
  /** The calls that took longest. */
  syscalls(selection: Selection, options?: SyscallsOptions): Promise<SyscallsAnswer>;
  /** The newest batches in storage. */
  batches(
    options?: { agentId?: string; limit?: number; signal?: AbortSignal },
  ): Promise<readonly StoredBatch[]>;
}
