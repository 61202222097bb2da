// SPDX-License-Identifier: Apache-2.0
/**
 * Compares two selections as one tree, by one statement: what each box is worth on either side.
 *
 * @module
 */

import { diffGraph } from "../../profile/diff_graph.ts";
import { unitOf } from "../../profile/profile_type.ts";
import type { Question } from "./question.ts";
import { type SelectionSql, selectionSql } from "./selection.ts";
import { treeNodes } from "./tree_nodes.ts";
import type { TreeSource } from "./tree_sql.ts";
import type { DiffTreeAnswer, DiffTreeOptions } from "./stack_answers.ts";
import { QuestionError, type Selection } from "./asked.ts";

/**
 * Asks for the tree of both selections, which are of one kind. A box is cut where it is small on both sides.
 *
 * @throws {RangeError} when a selection or an option makes no sense
 * @throws {StorageError}
 */
export async function diffTree(
  question: Question,
  base: Selection,
  compare: Selection,
  { value = "value", ...options }: DiffTreeOptions = {},
): Promise<DiffTreeAnswer> {
  if (base.kind !== compare.kind) {
    throw new QuestionError(
      `Cannot compare two kinds in one tree: current values are ${base.kind} and ${compare.kind}`,
    );
  }
  const { oldest } = question;
  const sides = [
    selectionSql(base, { oldest, prefix: "base_" }),
    selectionSql(compare, { oldest, prefix: "compare_" }),
  ] as const;
  const { nodes, others, paths, total, cut } = await treeNodes(question, bothSides(sides, value), {
    ...options,
    widths: ["value", "count"],
  });
  const { graph, cut: cutTotal, cutBelow } = diffGraph(
    nodes.map((node, row) => ({
      ...node,
      base: node.width - others[row]!.width,
      baseSelf: node.self - others[row]!.self,
    })),
    value === "value" ? unitOf(base.kind) : "count",
  );
  const counts = value === "count" ? total.map(Number) : await countsOf(question, sides);
  return {
    graph,
    base: { total: Number(total[0]), count: counts[0]! },
    compare: { total: Number(total[1]), count: counts[1]! },
    cut: { nodes: cut, total: cutTotal, below: cutBelow.map((row) => paths[row]!) },
    cost: question.cost,
  };
}

/** Asks for how many samples, waits or calls each side is made of, which the tree's sums have no place for. */
async function countsOf(question: Question, sides: readonly SelectionSql[]): Promise<number[]> {
  const each = sides.map(({ totals }, side) =>
    `SELECT ${side} AS side, sum(totals.count) AS count FROM (${totals}) AS totals`
  );
  const rows = await question.rows<{ side: number; count: string }>(
    each.join("\nUNION ALL\n"),
    Object.assign({}, ...sides.map(({ params }) => params)),
  );
  return sides.map((_, side) => Number(rows.find((row) => row.side === side)?.count ?? 0));
}

/** Makes samples of both sides: what one is worth in the base is its value, and in the other selection its count. */
function bothSides(
  [base, compare]: readonly [SelectionSql, SelectionSql],
  of: "value" | "count",
): TreeSource {
  const rows = (samples: string, [value, count]: readonly [string, string]) =>
    `SELECT node, series, stack, ${value} AS value, ${count} AS count
FROM (SELECT node, series, stack, toUInt64(${of}) AS amount FROM (${samples}))`;
  const none = "toUInt64(0)";
  return {
    samples: `${rows(base.samples, ["amount", none])}
UNION ALL
${rows(compare.samples, [none, "amount"])}`,
    series: `(${base.series}) OR (${compare.series})`,
    params: { ...base.params, ...compare.params },
  };
}
