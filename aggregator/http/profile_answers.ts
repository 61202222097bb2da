// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what REST answers of profiles: flame graphs, tables, labels, time lines and differences.
 *
 * @module
 */

import type { DiffGraph } from "../../profile/diff_graph.ts";
import type { FlameGraph } from "../../profile/flame.ts";
import type { Total } from "../../profile/model.ts";
import type { Label } from "../../profile/labels.ts";
import type { AnswerJson, CostJson, SelectionJson } from "./answer_parts.ts";

export interface FlameJson extends AnswerJson {
  readonly total: Total;
  readonly hidden: Total;
  /**
   * Counts boxes that were cut. `below` has a name for each box `other`, level by level: as `under` it asks for what
   * was cut there.
   */
  readonly cut: { readonly nodes: number; readonly total: number; readonly below: readonly string[] };
  readonly graph: FlameGraph;
}

export interface TopJson extends AnswerJson {
  readonly rows: readonly {
    readonly function: string;
    readonly module: string;
    readonly self: Total;
    readonly total: Total;
  }[];
  readonly total: Total;
  readonly other: Total;
}

export interface LabelNamesJson {
  readonly labels: readonly Label[];
}

export interface LabelValuesJson {
  readonly selection: SelectionJson;
  readonly label: string;
  readonly values: readonly { readonly value: string; readonly total: Total }[];
  readonly cost: CostJson;
}

export interface SeriesJson extends AnswerJson {
  readonly series: readonly { readonly labels: Readonly<Record<string, string>>; readonly total: Total }[];
  readonly total: Total;
  readonly other: Total;
}

export interface AggregateJson extends AnswerJson {
  readonly group_by: readonly string[];
  readonly rows: readonly {
    readonly group: readonly string[];
    readonly module: string;
    readonly self: Total;
    readonly total: Total;
  }[];
  readonly total: Total;
  readonly other: Total;
}

export interface DiffJson {
  readonly base: { readonly selection: SelectionJson; readonly total: Total };
  readonly compare: { readonly selection: SelectionJson; readonly total: Total };
  readonly rows: readonly {
    readonly function: string;
    readonly module: string;
    readonly base_self: Total;
    readonly base_total: Total;
    readonly compare_self: Total;
    readonly compare_total: Total;
  }[];
  readonly cost: CostJson;
}

export interface DiffFlameSideJson {
  readonly selection: SelectionJson;
  /** Is what all of its stacks are worth, in the graph's unit. */
  readonly total: number;
  /** Counts the samples, waits or calls that it is made of. */
  readonly count: number;
}

/** Holds both selections as one tree: boxes are as wide as both sides together. */
export interface DiffFlameJson {
  readonly base: DiffFlameSideJson;
  readonly compare: DiffFlameSideJson;
  /** Is as a flame graph's; the total is of both sides. */
  readonly cut: FlameJson["cut"];
  readonly graph: DiffGraph;
  readonly cost: CostJson;
}

export interface TimelineJson extends AnswerJson {
  readonly by: string;
  readonly from: string;
  readonly step: number;
  /** Holds the lanes, the largest first; the one of all others is last, and `rest`. */
  readonly lanes: readonly {
    readonly name: string;
    readonly module: string;
    readonly rest: boolean;
    readonly value: readonly number[];
    readonly count: readonly number[];
  }[];
}

export interface KindsJson {
  readonly kinds: readonly { readonly kind: string; readonly total: Total }[];
  readonly cost: CostJson;
}
