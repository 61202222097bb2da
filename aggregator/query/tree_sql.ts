// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the statement that merges the stacks of a selection to a tree, from all of them, and cuts what is small in the
 * merged tree.
 *
 * @module
 */

import { DEFAULT_LEVELS } from "../../profile/first_levels.ts";
import type { AnyLabel } from "./matchers.ts";
import { labelSql, type SelectionSql } from "./selection.ts";
import { arraysSql, stackKeysSql } from "./stack_keys.ts";
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
 * There may be millions of nodes before they are cut: what is summed for each is little, what a stack that is left out is
 * worth is told of the root alone, and how many nodes there were is what the answer counts before its limit.
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
  const isDropping = dropped !== "false";
  // The engine takes milliseconds to analyse a query within another: none is there that changes nothing.
  let changed = collapsed === "keys" ? stacks : `SELECT * EXCEPT keys, ${collapsed} AS keys FROM (${stacks})`;
  const added = [
    ...(isDropping ? [`${dropped} AS dropped`] : []),
    ...(shown === "keys" ? [] : [`${shown} AS shown`]),
  ];
  if (added.length > 0) changed = `SELECT *, ${added.join(", ")} FROM (${changed})`;
  const levels = levelsSql(selected, firstLevels);
  const code = shown === "keys" ? "keys" : "shown";
  const parts = [...levels.keys, code, ...(lastLevel === "none" ? [] : ["[detail]"])];
  const full = parts.length === 1 ? code : `arrayConcat(${parts.join(", ")})`;
  const ends = "step_place = depth";
  const isWhole = widths.length > 1;
  const columns = widths.map((of, i) => {
    const weight = of === "value" ? "v" : "n";
    return `sum(${weight})${isDropping ? ` - sumIf(${weight}, dropped)` : ""} AS width_${i},
    sumIf(${weight}, ${ends}${isDropping ? " AND NOT dropped" : ""}) AS self_${i}`;
  });
  // Where there are two widths, a box is as large as the larger of its shares: no box is larger than its parent.
  const shares = widths.map((_, i) => {
    const whole = `max(if(place = 1, width_${i}, 0)) OVER ()`;
    return `if(${whole} = 0, 0, width_${i} / ${whole})`;
  });
  const size = isWhole ? `greatest(${shares.join(", ")})` : "width_0";
  const hidden = ["v", "n"].map((weight) => isDropping ? `sumIf(${weight}, dropped)` : "0").join(", ");
  return `
${levels.with}SELECT path, any(step_key) AS key, any(step_place) AS place,${
    lastLevel === "none" ? "" : ` max(${ends}) AS ends,`
  }
    ${columns.join(",\n    ")},
    if(place = 1, [sum(v), sum(n), ${hidden}], []) AS wholes,
    if(place = 1, path, toUInt64(path - cityHash64(key, toUInt32(place - 1)))) AS parent
FROM
(
    SELECT v, n,${isDropping ? " dropped," : ""}
        ${isDropping ? `if(dropped, [], ${full})` : full} AS tree_keys,
        arrayPushFront(tree_keys, toUInt64(0)) AS path_keys,
        arrayPushFront(
            arrayCumSum(arrayMap((k, i) -> cityHash64(k, i), tree_keys, arrayEnumerate(tree_keys))), toUInt64(0)
        ) AS paths,
        length(paths) AS depth
    FROM (${changed})
    ARRAY JOIN labels AS label, values AS v, counts AS n
    WHERE {under:UInt64} = 0 OR has(paths, {under:UInt64})
)
ARRAY JOIN paths AS path, path_keys AS step_key, arrayEnumerate(paths) AS step_place
GROUP BY path
HAVING place = 1 OR ${widths.map((_, i) => `width_${i} > 0`).join(" OR ")}
ORDER BY place = 1 DESC, ${size} DESC, place, path
LIMIT {nodes:UInt32}
SETTINGS exact_rows_before_limit = 1`;
}

/**
 * Makes a query of stacks, each once, with the combinations of the first levels, as a hash of each, and what each
 * combination is worth. Text would be carried along with each frame of each stack.
 */
function weightsSql({ samples }: TreeSource, firstLevels: readonly AnyLabel[]): string {
  const label = firstLevels.length === 0
    ? "toUInt64(0)"
    : isNode(firstLevels)
    ? "cityHash64(toString(node))"
    : "transform(series, series_labels_1, series_labels_2, toUInt64(0))";
  return `SELECT stack, groupArray(label) AS labels, groupArray(v) AS values, groupArray(n) AS counts
FROM (
    SELECT stack, ${label} AS label, sum(samples.value) AS v, sum(samples.count) AS n
    FROM (${samples}) AS samples GROUP BY stack, label
)
GROUP BY stack`;
}

/**
 * Makes what `label` of {@linkcode weightsSql} is told by, and expressions of arrays of the first keys of a stack. What
 * series there are is a constant of the statement, in which each sample's is looked up: there are few combinations, and
 * as many pairs of series and stack as samples.
 */
function levelsSql(
  { series }: TreeSource,
  firstLevels: readonly AnyLabel[],
): { readonly with: string; readonly keys: readonly string[] } {
  if (firstLevels.length === 0) return { with: "", keys: [] };
  if (isNode(firstLevels)) return { with: "", keys: ["[label]"] };
  const hashes = firstLevels.map((level) => `cityHash64(${labelSql(level)})`);
  if (hashes.length === 1) {
    return {
      with: `WITH (SELECT (groupArray(hash), groupArray(${
        hashes[0]
      })) FROM series WHERE ${series}) AS series_labels, ${arraysSql("series_labels", 2)}\n`,
      keys: ["[label]"],
    };
  }
  const levels = hashes.map((_, i) => `level_${i}`);
  const lists = ["hash", `cityHash64(${levels.join(", ")})`, ...levels].map((list) => `groupArray(${list})`);
  const combinations = `SELECT hash, ${hashes.map((hash, i) => `${hash} AS level_${i}`).join(", ")}
    FROM series WHERE ${series}`;
  return {
    with: `WITH (SELECT (${lists.join(", ")}) FROM (${combinations})) AS series_labels,
    ${arraysSql("series_labels", lists.length)}\n`,
    keys: [
      `[${
        levels.map((_, i) => `transform(label, series_labels_2, series_labels_${i + 3}, toUInt64(0))`).join(
          ", ",
        )
      }]`,
    ],
  };
}

/** Tells whether the node is the only level: samples have it themselves. */
function isNode(firstLevels: readonly AnyLabel[]): boolean {
  return firstLevels.length === 1 && firstLevels[0] === "node";
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
