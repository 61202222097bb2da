// SPDX-License-Identifier: Apache-2.0
/**
 * Writes a flame graph as the rows that Grafana's panel takes: from the root on, each box before those above it.
 *
 * @module
 */

import type { FlameGraph } from "../flame.ts";

/** Is a box. Its value has those of the boxes on it. */
export interface NestedSetRow {
  readonly level: number;
  readonly label: string;
  readonly value: number;
  readonly self: number;
}

/** Returns the boxes of `graph`. */
export function nestedSet({ levels, names }: FlameGraph): NestedSetRow[] {
  const rows: NestedSetRow[] = [];
  const next = levels.map(() => 0);
  const put = (level: number): void => {
    const { start, width, self, name } = levels[level]!;
    const i = next[level]!++;
    rows.push({ level, label: names[name[i]!]!, value: width[i]!, self: self[i]! });
    const end = start[i]! + width[i]!;
    const above = levels[level + 1];
    while (above && next[level + 1]! < above.start.length && above.start[next[level + 1]!]! < end) {
      put(level + 1);
    }
  };
  put(0);
  return rows;
}
