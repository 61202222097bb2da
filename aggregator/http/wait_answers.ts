// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what REST answers of locks and system calls.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";
import type { HolderSite, LockSite, SlowCalls, SyscallRow } from "../query/wait_answers.ts";
import type { AnswerJson } from "./answer_parts.ts";

/** Holds waits for locks; times in ns. */
export interface LocksJson extends AnswerJson {
  readonly sites: readonly (Omit<LockSite, "otherHolders"> & { readonly other_holders: Total })[];
  readonly holders: readonly HolderSite[];
  readonly total: Total;
  readonly other: Total;
  /** Is the sum of what is left out as it is idle. */
  readonly hidden: Total;
}

/** Holds system calls; times in ns. */
export interface SyscallsJson extends AnswerJson {
  readonly group_by: readonly string[];
  readonly rows: readonly (Omit<SyscallRow, "errors" | "slow"> & {
    /** Counts failures by the errors' names, the most frequent first. */
    readonly errors: Readonly<Record<string, number>>;
    readonly slow: Omit<SlowCalls, "onCpu" | "inLock" | "otherObjects"> & {
      readonly on_cpu: number;
      readonly in_lock: number;
      readonly other_objects: Total;
    };
    /** Is the number of calls a second of the selection's whole time. */
    readonly rate: number;
  })[];
  readonly total: Total;
  readonly other: Total;
  /** Is the sum of what is left out as it is idle. */
  readonly hidden: Total;
}

export interface HeatmapJson extends AnswerJson {
  /** Says when the first step begins, and how many seconds each has. */
  readonly from: string;
  readonly step: number;
  /** Says for each step how many calls took from 2^i up to 2^(i+1) ns, at index i. */
  readonly columns: readonly (readonly number[])[];
}
