// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Asks for the two sides of a comparison: both of the aggregator, as one tree, or one of a file.
 *
 * @module
 */

import type { Total } from "../../../profile/model.ts";
import type { AnyKind } from "../../../profile/profile_type.ts";
import type { DiffFlameJson, FlameJson } from "../../http/answers.ts";
import { FIRST_BOXES } from "../graph/box_counts.ts";
import { sidesOf } from "../flame/diff_sides.ts";
import { flameModel } from "../flame/model.ts";
import type { ReadProfile } from "../flame/read_pprof.ts";
import { stepFields, stepParams } from "../flame/transforms.ts";
import { putIn, type Tree, treeOf } from "../flame/tree.ts";
import { type Api, selectionBody, selectionParams } from "../state/api.ts";
import type { TimeWindow } from "../state/range.ts";
import type { Shown } from "../state/store.ts";
import { baseOf } from "./compare_bar.ts";

/** Is one side: its stacks, what all of it is worth, and how long it lasted. */
export interface ComparedSide {
  readonly tree: Tree;
  readonly total: Total;
  readonly seconds: number;
}

export interface Compared {
  readonly kind: AnyKind;
  readonly unit: string;
  readonly base: ComparedSide;
  readonly compare: ComparedSide;
  /** Is how much of both sides was cut, before anything of it was loaded. */
  readonly cut: number;
}

/** Says how many boxes are asked for, or below which. */
type Boxes = { readonly max_nodes: number } | { readonly under: string };

/** Is a question: `key` is equal where it asks for the same. */
export interface CompareQuestion {
  readonly key: string;
  readonly ask: (api: Api, boxes: Boxes, signal: AbortSignal) => Promise<Compared>;
}

/** A file is no longer there once the page was loaded anew. */
const NO_FILE: ReadProfile = {
  tree: { name: "", module: "", self: 0, value: 0, children: [] },
  total: { value: 0, count: 0 },
  seconds: 0,
  type: "",
};

/**
 * Makes the question of what the state compares.
 *
 * @param file is compared with where the state says so
 */
export function compareQuestion(
  { state, window }: Shown,
  file: { readonly name: string; readonly profile: ReadProfile } | undefined,
): CompareQuestion {
  const { kind, idle, match, inverted, steps } = state;
  if (state.base === "file") return fileQuestion({ state, window }, file ?? { name: "", profile: NO_FILE });
  const base = baseOf(state, window);
  const body = {
    base: selectionBody({ kind, window: base.window, match: base.match, idle }),
    compare: selectionBody({ kind, window, match, idle }),
    first_level: levelsOf(state.group),
    max_nodes: FIRST_BOXES,
    inverted,
    ...stepFields(steps),
  };
  return {
    key: JSON.stringify(body),
    ask: async (api, boxes, signal) => {
      const answer = await api.post<DiffFlameJson>("/api/diff/flamegraph", { ...body, ...boxes }, signal);
      const { graph, cut } = answer;
      const trees = sidesOf(graph, cut.below);
      const side = (of: "base" | "compare", at: TimeWindow): ComparedSide => ({
        tree: trees[of],
        total: { value: answer[of].total, count: answer[of].count },
        seconds: secondsOf(at),
      });
      return {
        ...{ kind, unit: graph.unit, cut: cut.total },
        base: side("base", base.window),
        compare: side("compare", window),
      };
    },
  };
}

/** A file has no processes: functions are compared with functions. */
function fileQuestion(
  { state: { kind, match, idle, inverted, steps }, window }: Shown,
  { name, profile }: { readonly name: string; readonly profile: ReadProfile },
): CompareQuestion {
  const asked = (boxes: Boxes) =>
    selectionParams({ kind, window, match, idle }, {
      ...{ first_level: "none", max_nodes: FIRST_BOXES, inverted },
      ...stepParams(steps),
      ...boxes,
    });
  return {
    key: `${asked({ max_nodes: FIRST_BOXES })} ${name}`,
    ask: async (api, boxes, signal) => {
      const { graph, cut, total } = await api.get<FlameJson>("/api/flamegraph", asked(boxes), signal);
      const seconds = secondsOf(window);
      return {
        ...{ kind, unit: graph.unit, cut: cut.total },
        base: { ...profile, seconds: profile.seconds || seconds },
        compare: { tree: treeOf(flameModel(graph, cut.below)), total, seconds },
      };
    },
  };
}

/** Puts what was cut at `below` in its place on each side; `part` is the answer to what was asked below it. */
export function withMore(
  { base, compare, ...compared }: Compared,
  below: string,
  part: Compared,
): Compared {
  const put = (side: ComparedSide, { tree }: ComparedSide) => ({
    ...side,
    tree: putIn(side.tree, below, tree),
  });
  return { ...compared, base: put(base, part.base), compare: put(compare, part.compare) };
}

function levelsOf(group: string): string[] {
  return group === "" || group === "none" ? [] : group.split(",");
}

function secondsOf({ from, to }: TimeWindow): number {
  return (to - from) / 1000;
}
