// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what questions have in common: what is selected, and what an answer says of itself.
 *
 * @module
 */

import type { AnyKind } from "../../profile/profile_type.ts";
import type { Matcher } from "./matchers.ts";

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

/** Is thrown for a question that makes no sense, or asks for too much: the message is for who asks. */
export class QuestionError extends RangeError {
  override name = "QuestionError";
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

/** Goes from `from` up to before `to`, in Unix milliseconds. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}
