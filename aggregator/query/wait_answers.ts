// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what can be asked of waits for locks and of system calls.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";
import type { Answer, CommonOptions } from "./asked.ts";
import type { AnyLabel } from "./matchers.ts";

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
  /**
   * Lists the other sites of the answer, by their place in it, where stacks through this function waited themselves,
   * and for how long: with what they held, or without. The longest come first.
   */
  readonly waits: readonly { readonly site: number; readonly total: Total }[];
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
