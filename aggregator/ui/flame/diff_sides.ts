// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the aggregator's one tree of two selections apart, so that each side can be changed and scaled on its own.
 *
 * @module
 */

import type { DiffGraph } from "../../../profile/diff_graph.ts";
import { ALL } from "../../../profile/flame.ts";
import { type FlameModel, flameModel } from "./model.ts";
import type { Tree } from "./tree.ts";

/**
 * Returns the trees of both sides, in the graph's unit. Both have the boxes that were kept, and a box of what was cut
 * stands for the same on either side.
 *
 * @param below has a name for each box of what was cut, level by level
 */
export function sidesOf(
  graph: DiffGraph,
  below?: readonly string[],
): { readonly base: Tree; readonly compare: Tree } {
  const model = flameModel(graph, below);
  const value = Float64Array.from(graph.levels.flatMap(({ base }) => base));
  const self = Float64Array.from(graph.levels.flatMap(({ base_self }) => base_self));
  return {
    base: sideTree(model, value, self),
    compare: sideTree(
      model,
      model.width.map((width, box) => width - value[box]!),
      model.self.map((own, box) => own - self[box]!),
    ),
  };
}

/** Returns the boxes that are worth something, and the root. */
function sideTree(model: FlameModel, value: Float64Array, self: Float64Array): Tree {
  const nodes: Tree[] = [];
  for (let box = 0; box < value.length; box++) {
    const row = model.name[box]!;
    const [name, module] = [model.names[row]!, model.modules[row]!];
    const node: Tree = {
      name,
      module,
      value: value[box]!,
      self: self[box]!,
      below: model.below.get(box),
      children: [],
    };
    nodes.push(node);
    if (box > 0 && node.value > 0) nodes[model.parent[box]!]!.children.push(node);
  }
  return nodes[0] ?? { name: ALL, module: "", value: 0, self: 0, children: [] };
}
