// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what can be asked of series: their labels, and what they took over time.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";
import type { AnyKind } from "../../profile/profile_type.ts";
import type { Answer, CommonOptions, StackChoice } from "./asked.ts";
import type { AnyLabel } from "./matchers.ts";

export interface LabelValue {
  readonly value: string;
  readonly total: Total;
}

export interface LabelValuesAnswer extends Answer {
  readonly values: readonly LabelValue[];
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
