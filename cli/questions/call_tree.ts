// SPDX-License-Identifier: Apache-2.0
/**
 * Makes a tree of a flame graph's boxes, to be shown as lines.
 *
 * @module
 */

import type { FlameGraph } from "../../profile/flame.ts";
import type { Node } from "../report/tree.ts";

/** Returns the boxes of `graph` below the one that holds the whole. */
export function nodesOf({ names, levels }: FlameGraph): Node {
  const [first, ...below] = levels;
  const root: Node = { name: "", value: first?.width[0] ?? 0, children: new Map() };
  let parents = [{ start: 0, end: root.value, node: root }];
  for (const { start, width, name } of below) {
    const boxes = start.map((from, i) => ({
      start: from,
      end: from + width[i]!,
      node: { name: names[name[i]!]!, value: width[i]!, children: new Map<string, Node>() },
    }));
    let at = 0;
    for (const box of boxes) {
      while (at < parents.length - 1 && parents[at]!.end <= box.start) at++;
      const { children } = parents[at]!.node;
      // Functions of one name in two modules are two boxes.
      children.set(children.has(box.node.name) ? `${box.node.name}\0${box.start}` : box.node.name, box.node);
    }
    parents = boxes;
  }
  return root;
}
