// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the statement that merges the stacks of a selection to a tree, from all of them, and cuts what is small in the
 * merged tree.
 *
 * @module
 */

import { DEFAULT_LEVELS } from "../../profile/first_levels.ts";
import { labelSql, type SelectionSql } from "./selection.ts";
import { stackKeysSql } from "./stack_keys.ts";
import type { TreeOptions } from "./stack_answers.ts";

/** Is what a tree is made of, and a condition that all of its series pass. */
export type TreeSource = Pick<SelectionSql, "samples" | "series" | "params">;

/** Says what a statement answers. */
export type TreeSqlOptions = TreeOptions & Required<Pick<TreeOptions, "collapseModules">> & {
  /** Is a condition on `keys`. */
  readonly chosen: string;
  /** Says what boxes' widths are: one of the selection's sums, or both. */
  readonly widths: readonly ["value" | "count"] | readonly ["value", "count"];
};

/**
 * Makes the statement. A node is named by the sum of the hashes of (key, place) of its path, so that one running sum
 * names all prefixes of a stack, and a node's name without its own hash is its parent's. Of nodes of one width those
 * nearer to the root come first: a node's parent is never cut before it. The root comes before all.
 *
 * There may be millions of nodes before they are cut: what is summed for each is little, and what a stack that is left
 * out is worth is summed at the root alone.
 */
export function treeSql(selected: TreeSource, options: TreeSqlOptions): string {
  const { firstLevels = DEFAULT_LEVELS, lastLevel = "none", inlined = true, widths } = options;
  const stacks = stackKeysSql({
    weights: weightsSql(selected, firstLevels),
    carry: ["labels", "values", "counts"],
    inlined,
    ...(lastLevel !== "none" && { detail: lastLevel }),
  });
  const { collapsed, dropped, shown } = transformSql(options);
  const full = [
    ...(firstLevels.length === 0 ? [] : ["levels"]),
    "shown",
    ...(lastLevel === "none" ? [] : ["[detail]"]),
  ].join(", ");
  const ends = "steps.place = depth";
  const weights = widths.map((of, i) => {
    const weight = of === "value" ? "v" : "n";
    return `sum(${weight}) - hidden_${of} AS width_${i}, sumIf(${weight}, ${ends} AND NOT dropped) AS self_${i},
        max(if(place = 1, width_${i}, 0)) OVER () AS whole_${i}`;
  });
  const columns = widths.map((_, i) => `width_${i}, self_${i}`).join(", ");
  // Where there are two widths, a box is as large as the larger of its shares: no box is larger than its parent.
  const shares = widths.map((_, i) => `if(whole_${i} = 0, 0, width_${i} / whole_${i})`);
  const size = widths.length === 1 ? "width_0" : `greatest(${shares.join(", ")})`;
  const enough = widths.map((_, i) => `width_${i} > 0 AND width_${i} >= whole_${i} * {share:Float64}`);
  return `
SELECT path, if(place = 1, path, toUInt64(path - cityHash64(key, toUInt32(place - 1)))) AS parent, key, place, ends,
    value, count, hidden_value, hidden_count, ${columns}, nodes
FROM
(
    SELECT path, any(steps.key) AS key, any(steps.place) AS place,
        ${lastLevel === "none" ? "false" : `max(${ends})`} AS ends, sum(v) AS value, sum(n) AS count,
        ${
    dropped === "false"
      ? "0 AS hidden_value, 0 AS hidden_count"
      : "sumIf(v, dropped) AS hidden_value, sumIf(n, dropped) AS hidden_count"
  },
        ${weights.join(",\n        ")},
        countIf(place = 1 OR ${widths.map((_, i) => `width_${i} > 0`).join(" OR ")}) OVER () AS nodes
    FROM
    (
        SELECT v, n, dropped, path, key, place, depth
        FROM
        (
            SELECT v, n, dropped, paths, arrayPushFront(keys, toUInt64(0)) AS path_keys, length(paths) AS depth
            FROM
            (
                SELECT v, n, dropped, keys,
                    arrayPushFront(
                        arrayCumSum(arrayMap((k, i) -> cityHash64(k, i), keys, arrayEnumerate(keys))), toUInt64(0)
                    ) AS paths
                FROM
                (
                    SELECT v, n, dropped, if(dropped, [], arrayConcat(${full})) AS keys
                    FROM
                    (
                        SELECT *, ${shown} AS shown
                        FROM (SELECT *, ${dropped} AS dropped FROM (SELECT * EXCEPT keys, ${collapsed} AS keys FROM (${stacks})))
                    )
                    ARRAY JOIN labels AS levels, values AS v, counts AS n
                )
            )
            WHERE {under:UInt64} = 0 OR has(paths, {under:UInt64})
        )
        ARRAY JOIN paths AS path, path_keys AS key, arrayEnumerate(paths) AS place
    ) AS steps
    GROUP BY path
)
WHERE place = 1 OR ${enough.map((each) => `(${each})`).join(" OR ")}
ORDER BY place = 1 DESC, ${size} DESC, place, path
LIMIT {nodes:UInt32}`;
}

/**
 * Makes a query of stacks, each once, with the hashes of the values of the first levels and what each combination is
 * worth. Text would be carried along with each frame of each stack.
 */
function weightsSql(
  { samples, series }: TreeSource,
  firstLevels: NonNullable<TreeOptions["firstLevels"]>,
): string {
  if (firstLevels.length === 0) {
    return `SELECT stack, [emptyArrayUInt64()] AS labels, [sum(samples.value)] AS values, [sum(samples.count)] AS counts
FROM (${samples}) AS samples GROUP BY stack`;
  }
  const isNode = firstLevels.length === 1 && firstLevels[0] === "node";
  const own = isNode ? "node" : "series";
  const sums = `SELECT ${own}, stack, sum(samples.value) AS own_value, sum(samples.count) AS own_count
FROM (${samples}) AS samples GROUP BY ${own}, stack`;
  const labelled = isNode
    ? `SELECT stack, [cityHash64(toString(node))] AS label, own_value AS v, own_count AS n FROM (${sums})`
    : `SELECT stack, label, sum(own_value) AS v, sum(own_count) AS n
FROM (${sums}) AS sums
LEFT ANY JOIN (SELECT hash AS series, ${`[${
      firstLevels.map((label) => `cityHash64(${labelSql(label)})`).join(", ")
    }]`} AS label FROM series WHERE ${series}) AS labels USING series
GROUP BY stack, label`;
  return `SELECT stack, groupArray(label) AS labels, groupArray(v) AS values, groupArray(n) AS counts
FROM (${labelled}) GROUP BY stack`;
}

/** Makes the expressions that change the keys of a stack, which are from the root to the leaf. */
function transformSql(options: TreeSqlOptions): { collapsed: string; dropped: string; shown: string } {
  const { collapseModules, collapseRecursion, focus, around, hide, inverted, chosen } = options;
  const named = (condition: string) =>
    `(SELECT groupArray(key) FROM functions WHERE functions.name ${condition})`;
  let collapsed = "keys";
  collapseModules.forEach((_, i) => {
    const key = `{module_${i}:UInt64}`;
    const own = `(SELECT key FROM functions WHERE module = {modules:Array(String)}[${i + 1}])`;
    const mapped = `arrayMap(k -> if(k IN ${own}, ${key}, k), ${collapsed})`;
    collapsed = `arrayFilter((k, before) -> NOT (k = ${key} AND before = ${key}), ${mapped} AS mapped_${i},
        arrayPopBack(arrayPushFront(mapped_${i}, toUInt64(0))))`;
  });
  if (collapseRecursion) collapsed = `arrayCompact(${collapsed})`;
  const place = `arrayFirstIndex(k -> has(${named("= {around:String}")}, k), keys)`;
  const dropped = [
    ...(hide && hide.length > 0 ? [`hasAny(keys, ${named("IN {hide:Array(String)}")})`] : []),
    ...(focus !== undefined ? [`NOT hasAny(keys, ${named("= {focus:String}")})`] : []),
    ...(around ? [`${place} = 0`] : []),
    ...(chosen !== "true" ? [`NOT (${chosen})`] : []),
  ];
  const cut = around === undefined
    ? "keys"
    : around.side === "callees"
    ? `arraySlice(keys, ${place})`
    : `arrayReverse(arraySlice(keys, 1, ${place}))`;
  return {
    collapsed,
    dropped: dropped.length > 0 ? dropped.join(" OR ") : "false",
    shown: inverted ? `arrayReverse(${cut})` : cut,
  };
}
