// SPDX-License-Identifier: Apache-2.0
/**
 * Flame graphs from lines.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
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
  return flameGraph(builder.build(), { kind: "cpu" });
}
