// SPDX-License-Identifier: Apache-2.0
/**
 * Flame graphs from lines, and of two one.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import { type DiffGraph, diffGraph, type DiffNode } from "../../profile/diff_graph.ts";
import { type FlameGraph, flameGraph } from "../../profile/flame.ts";

/** Returns a graph of `comm;root;…;leaf value` lines. */
export function graphOf(...lines: string[]): FlameGraph {
  const builder = new ProfileBuilder();
  for (const line of lines) {
    const [path, value] = [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))];
    const [comm, ...names] = path.split(";");
    const rows = names.map((name) => {
      return builder.frame({
        function: name,
        module: "/bin/demo",
        file: "",
        line: 0,
        buildId: "",
        address: 0,
      });
    });
    builder.add("cpu", builder.series({ comm: comm! }), builder.stack(rows.toReversed()), value, 1);
  }
  return flameGraph(builder.build(), { kind: "cpu", firstLevels: ["comm"] });
}

/** Returns both graphs as one. */
export function bothGraphs(base: FlameGraph, compare: FlameGraph): DiffGraph {
  type Node = { -readonly [K in keyof DiffNode]: DiffNode[K] };
  const nodes: Node[] = [];
  const known = new Map<string, number>();
  for (const side of [base, compare]) {
    // Boxes of one level stand from left to right, so that a box's parent is the last one that begins before it.
    let above: { readonly start: number; readonly row: number }[] = [];
    for (const { start, width, self, name } of side.levels) {
      above = start.map((from, i) => {
        const parent = above.findLast((box) => box.start <= from)?.row;
        const [text, module] = [side.names[name[i]!]!, side.modules[name[i]!]!];
        const key = `${parent ?? ""}\0${text}\0${module}`;
        let row = known.get(key);
        if (row === undefined) {
          const none = { width: 0, self: 0, base: 0, baseSelf: 0 };
          known.set(key, row = nodes.push({ name: text, module, parent, ...none }) - 1);
        }
        const node = nodes[row]!;
        node.width += width[i]!;
        node.self += self[i]!;
        if (side === base) {
          node.base += width[i]!;
          node.baseSelf += self[i]!;
        }
        return { start: from, row };
      });
    }
  }
  return diffGraph(nodes, base.unit).graph;
}
