// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the stacks of a selection merged to a tree, in SQL and from all of them; what is small is cut in the merged
 * tree.
 *
 * @module
 */

import { prunedGraph } from "../../profile/pruned_tree.ts";
import { unitOf } from "../../profile/profile_type.ts";
import type { Question } from "./question.ts";
import { selectionSql } from "./selection.ts";
import { toTotal } from "./totals.ts";
import { treeNodes } from "./tree_nodes.ts";
import type { Selection } from "./asked.ts";
import type { TreeAnswer, TreeOptions } from "./stack_answers.ts";

/**
 * Asks for the tree of `selection`.
 *
 * @throws {RangeError} when the selection or an option makes no sense
 * @throws {StorageError}
 */
export async function tree(
  question: Question,
  selection: Selection,
  options: TreeOptions = {},
): Promise<TreeAnswer> {
  const { value = "value" } = options;
  const selected = selectionSql(selection, { oldest: question.oldest });
  const { nodes, paths, total, hidden, cut } = await treeNodes(question, selected, {
    ...options,
    widths: [value],
  });
  const { graph, cut: cutTotal, cutBelow } = prunedGraph(
    nodes,
    value === "value" ? unitOf(selection.kind) : "count",
  );
  return {
    graph,
    total: toTotal(...total),
    hidden: toTotal(...hidden),
    cut: { nodes: cut, total: cutTotal, below: cutBelow.map((row) => paths[row]!) },
    cost: question.cost,
  };
}
