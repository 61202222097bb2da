// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the stacks of a selection merged to a tree, in SQL and from all of them; what is small is cut in the merged
 * tree.
 *
 * @module
 */

import { prunedGraph, type TreeNode } from "../../profile/pruned_tree.ts";
import { UNKNOWN_MODULE } from "../../profile/model.ts";
import { unitOf } from "../../profile/profile_type.ts";
import { functionKey } from "../storage/content_hash.ts";
import { addressNames, byKey, functionNames, lineNames, MISSING, type Name } from "./names.ts";
import type { AnyLabel } from "./matchers.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql, type SelectionSql, selectionSql } from "./selection.ts";
import { stackChoice } from "./stack_choice.ts";
import { stackKeysSql } from "./stack_keys.ts";
import { NO_TOTAL, toTotal } from "./totals.ts";
import type { Selection, TreeAnswer, TreeOptions } from "./types.ts";

/** Each is a part of a statement: more would be a statement of any length. */
const MAX_MODULES = 16;
const DEFAULT_LEVELS = ["comm"] as const;

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
  const { value = "value", maxNodes = 20_000, minShare = 0, lastLevel = "none" } = options;
  const modules = options.collapseModules ?? [];
  if (!(minShare >= 0 && minShare <= 1)) {
    throw new RangeError(`Cannot cut at a share that is not from 0 to 1: current value is ${minShare}`);
  }
  if (modules.length > MAX_MODULES) {
    throw new RangeError(
      `Cannot collapse more than ${MAX_MODULES} modules: current value is ${modules.length}`,
    );
  }
  const selected = selectionSql(selection, { oldest: question.oldest });
  const chosen = await stackChoice(question, options.choice);
  const sql = treeSql(selected, { ...options, value, collapseModules: modules, chosen: chosen.sql });
  const { rows, ...answer } = await question.select(sql, {
    ...selected.params,
    // The root comes along.
    nodes: checkLimit(maxNodes) + 1,
    share: minShare,
    focus: options.focus ?? "",
    around: options.around?.function ?? "",
    under: options.under ?? "0",
    hide: options.hide ?? [],
    modules,
    ...chosen.params,
    ...Object.fromEntries(modules.map((module, i) => [`module_${i}`, String(functionKey(module, module))])),
  });
  const unit = value === "value" ? unitOf(selection.kind) : "count";
  if (rows === 0) {
    const { graph } = prunedGraph([], unit);
    return {
      graph,
      total: NO_TOTAL,
      hidden: NO_TOTAL,
      cut: { nodes: 0, total: 0, below: [] },
      cost: question.cost,
    };
  }
  const columns = answer.columns as unknown as NodeColumns;
  const firstFunction = 2 + (options.firstLevels ?? DEFAULT_LEVELS).length;
  const isDetail = (row: number) => lastLevel !== "none" && columns.ends[row] === 1;
  const rowsAll = columns.key.keys().toArray();
  const functions = rowsAll.filter((row) => columns.place[row]! >= firstFunction && !isDetail(row));
  const names = await functionNames(question, functions.map((row) => columns.key[row]!));
  for (const module of modules) names.set(String(functionKey(module, module)), { name: module, module });
  const details = await detailNames(
    question,
    lastLevel,
    rowsAll.filter((row) => columns.place[row]! >= firstFunction && isDetail(row)).map((row) =>
      columns.key[row]!
    ),
  );
  const labels = await Promise.all(
    (options.firstLevels ?? DEFAULT_LEVELS).map((label, level) =>
      labelNames(question, selected, {
        label,
        keys: rowsAll.filter((row) => columns.place[row] === level + 2).map((row) => columns.key[row]!),
      })
    ),
  );
  const rowOf = new Map(columns.path.map((path, row) => [path, row]));
  const nodes = rowsAll.map((row): TreeNode => {
    const place = columns.place[row]!;
    const key = columns.key[row]!;
    const name = place === 1
      ? MISSING
      : place < firstFunction
      ? { name: labels[place - 2]!.get(key) || UNKNOWN_MODULE, module: "" }
      : (isDetail(row) ? details : names).get(key) ?? MISSING;
    return {
      ...name,
      parent: place === 1 ? undefined : rowOf.get(columns.parent[row]!),
      width: Number(columns.width[row]),
      self: Number(columns.self[row]),
    };
  });
  const { graph, cut, cutBelow } = prunedGraph(nodes, unit);
  return {
    graph,
    total: toTotal(columns.value[0]!, columns.count[0]!),
    hidden: toTotal(columns.hidden_value[0]!, columns.hidden_count[0]!),
    cut: {
      nodes: Number(columns.nodes[0]) - rows,
      total: cut,
      below: cutBelow.map((row) => columns.path[row]!),
    },
    cost: question.cost,
  };
}

/** Holds the answer's columns; 64-bit numbers are decimal text. */
interface NodeColumns {
  readonly path: readonly string[];
  readonly parent: readonly string[];
  readonly key: readonly string[];
  /** The place is 1 for the root. */
  readonly place: readonly number[];
  readonly ends: readonly number[];
  readonly width: readonly string[];
  readonly self: readonly string[];
  readonly nodes: readonly string[];
  /** Is the sum of all stacks, where the row is the root. */
  readonly value: readonly string[];
  readonly count: readonly string[];
  readonly hidden_value: readonly string[];
  readonly hidden_count: readonly string[];
}

/** Returns the values of a label by their hashes. */
async function labelNames(
  question: Question,
  { series, params }: SelectionSql,
  { label, keys }: { label: AnyLabel; keys: readonly string[] },
): Promise<Map<string, string>> {
  const text = labelSql(label);
  const sql = `SELECT cityHash64(${text}) AS key, any(${text}) AS name FROM series
WHERE ${series} AND key IN {keys:Array(UInt64)} GROUP BY key`;
  const rows = await byKey<{ key: string; name: string }>(question, sql, keys, params);
  return new Map(rows.map(({ key, name }) => [key, name]));
}

function detailNames(
  question: Question,
  lastLevel: NonNullable<TreeOptions["lastLevel"]>,
  keys: readonly string[],
): Promise<Map<string, Name>> {
  if (lastLevel === "none") return Promise.resolve(new Map());
  return lastLevel === "line" ? lineNames(question, keys) : addressNames(question, keys);
}

type SqlOptions = TreeOptions & Required<Pick<TreeOptions, "value" | "collapseModules">> & {
  /** Is a condition on `keys`. */
  readonly chosen: string;
};

/**
 * Makes the statement. A node is named by the sum of the hashes of (key, place) of its path, so that one running sum
 * names all prefixes of a stack, and a node's name without its own hash is its parent's. Of nodes of one width those
 * nearer to the root come first: a node's parent is never cut before it. The root comes before all.
 *
 * There may be millions of nodes before they are cut: what is summed for each is little, and what a stack that is left
 * out is worth is summed at the root alone.
 */
function treeSql(selected: SelectionSql, options: SqlOptions): string {
  const { firstLevels = DEFAULT_LEVELS, lastLevel = "none", inlined = true } = options;
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
  const weight = options.value === "value" ? "v" : "n";
  const ends = "steps.place = depth";
  return `
SELECT path, if(place = 1, path, toUInt64(path - cityHash64(key, toUInt32(place - 1)))) AS parent, key, place, ends,
    value, count, hidden_value, hidden_count, width, self, nodes
FROM
(
    SELECT path, any(steps.key) AS key, any(steps.place) AS place,
        ${lastLevel === "none" ? "false" : `max(${ends})`} AS ends, sum(v) AS value, sum(n) AS count,
        ${
    dropped === "false"
      ? "0 AS hidden_value, 0 AS hidden_count"
      : "sumIf(v, dropped) AS hidden_value, sumIf(n, dropped) AS hidden_count"
  },
        sum(${weight}) - hidden_${options.value} AS width, sumIf(${weight}, ${ends} AND NOT dropped) AS self,
        max(if(place = 1, width, 0)) OVER () AS whole, countIf(place = 1 OR width > 0) OVER () AS nodes
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
WHERE place = 1 OR (width > 0 AND width >= whole * {share:Float64})
ORDER BY place = 1 DESC, width DESC, place, path
LIMIT {nodes:UInt32}`;
}

/**
 * Makes a query of stacks, each once, with the hashes of the values of the first levels and what each combination is
 * worth. Text would be carried along with each frame of each stack.
 */
function weightsSql(
  { samples, series }: SelectionSql,
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
function transformSql(options: SqlOptions): { collapsed: string; dropped: string; shown: string } {
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
