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
import { sidesOf } from "../flame/diff_sides.ts";
import { flameModel } from "../flame/model.ts";
import type { ReadProfile } from "../flame/read_pprof.ts";
import { stepFields, stepParams } from "../flame/transforms.ts";
import { putIn, type Tree, treeOf } from "../flame/tree.ts";
import { type Api, selectionBody, selectionParams } from "../state/api.ts";
import type { TimeWindow } from "../state/range.ts";
import type { Shown } from "../state/store.ts";
import { baseOf } from "./compare_bar.ts";

const MAX_NODES = 10_000;

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
}

/** Is a question: `key` is equal where it asks for the same. */
export interface CompareQuestion {
  readonly key: string;
  readonly load: (api: Api, signal: AbortSignal) => Promise<Compared>;
  /** Asks for what was cut at `below` on either side, and puts it in. */
  readonly loadMore: (api: Api, compared: Compared, below: string, signal: AbortSignal) => Promise<Compared>;
}

/**
 * Makes the question of what the state compares.
 *
 * @param file is compared with where the state says so, and it is there
 */
export function compareQuestion(
  { state, window }: Shown,
  file: { readonly name: string; readonly profile: ReadProfile } | undefined,
): CompareQuestion {
  const { kind, idle, match, inverted, steps } = state;
  if (state.base === "file" && file) return fileQuestion({ state, window }, file);
  const base = baseOf(state, window);
  const body = {
    base: selectionBody({ kind, window: base.window, match: base.match, idle }),
    compare: selectionBody({ kind, window, match, idle }),
    first_level: levelsOf(state.group),
    max_nodes: MAX_NODES,
    inverted,
    ...stepFields(steps),
  };
  const ask = async (api: Api, signal: AbortSignal, under?: string) => {
    const asked = under === undefined ? body : { ...body, under };
    const answer = await api.post<DiffFlameJson>("/api/diff/flamegraph", asked, signal);
    return { answer, trees: sidesOf(answer.graph, answer.cut.below) };
  };
  return {
    key: JSON.stringify(body),
    load: async (api, signal) => {
      const { answer, trees } = await ask(api, signal);
      const side = (of: "base" | "compare", at: TimeWindow): ComparedSide => ({
        tree: trees[of],
        total: { value: answer[of].total, count: answer[of].count },
        seconds: secondsOf(at),
      });
      return {
        ...{ kind, unit: answer.graph.unit },
        base: side("base", base.window),
        compare: side("compare", window),
      };
    },
    loadMore: async (api, compared, below, signal) => {
      const { trees } = await ask(api, signal, below);
      return withMore(compared, below, trees);
    },
  };
}

/** A file has no processes: functions are compared with functions. */
function fileQuestion(
  { state: { kind, match, idle, inverted, steps }, window }: Shown,
  { name, profile }: { readonly name: string; readonly profile: ReadProfile },
): CompareQuestion {
  const params = selectionParams({ kind, window, match, idle }, {
    ...{ first_level: "none", max_nodes: MAX_NODES, inverted },
    ...stepParams(steps),
  });
  const ask = async (api: Api, signal: AbortSignal, under?: string) => {
    const asked = new URLSearchParams(params);
    if (under !== undefined) asked.set("under", under);
    const { graph, cut, total } = await api.get<FlameJson>("/api/flamegraph", asked, signal);
    return { graph, total, tree: treeOf(flameModel(graph, cut.below)) };
  };
  return {
    key: `${params} ${name}`,
    load: async (api, signal) => {
      const { graph, total, tree } = await ask(api, signal);
      const seconds = secondsOf(window);
      return {
        ...{ kind, unit: graph.unit },
        base: { tree: profile.tree, total: profile.total, seconds: profile.seconds || seconds },
        compare: { tree, total, seconds },
      };
    },
    loadMore: async (api, compared, below, signal) => {
      const { tree } = await ask(api, signal, below);
      return withMore(compared, below, { compare: tree });
    },
  };
}

/** Puts what was cut in its place on each side that `parts` has. */
function withMore(
  { base, compare, ...compared }: Compared,
  below: string,
  parts: { readonly base?: Tree; readonly compare: Tree },
): Compared {
  return {
    ...compared,
    base: parts.base ? { ...base, tree: putIn(base.tree, below, parts.base) } : base,
    compare: { ...compare, tree: putIn(compare.tree, below, parts.compare) },
  };
}

function levelsOf(group: string): string[] {
  return group === "" || group === "none" ? [] : group.split(",");
}

function secondsOf({ from, to }: TimeWindow): number {
  return (to - from) / 1000;
}
