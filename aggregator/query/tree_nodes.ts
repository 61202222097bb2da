// SPDX-License-Identifier: Apache-2.0
/**
 * Asks for the boxes of a tree, with their names.
 *
 * @module
 */

import { QuestionError } from "./asked.ts";
import { DEFAULT_LEVELS } from "../../profile/first_levels.ts";
import { UNKNOWN_MODULE } from "../../profile/model.ts";
import type { TreeNode } from "../../profile/pruned_tree.ts";
import { functionKey } from "../storage/content_hash.ts";
import type { AnyLabel } from "./matchers.ts";
import { addressNames, byKey, functionNames, lineNames, MISSING, type Name } from "./names.ts";
import type { Question } from "./question.ts";
import { checkLimit, labelSql } from "./selection.ts";
import { stackChoice } from "./stack_choice.ts";
import { type TreeSource, treeSql, type TreeSqlOptions } from "./tree_sql.ts";
import type { TreeOptions } from "./stack_answers.ts";

/** Each is a part of a statement: more would be a statement of any length. */
const MAX_MODULES = 16;

/** Holds the boxes that are left of a tree. */
export interface TreeNodes {
  /** Holds the root first; none of nothing. */
  readonly nodes: readonly TreeNode[];
  /** Holds what of each node's width and self is the second of two widths. */
  readonly others: readonly { readonly width: number; readonly self: number }[];
  /** Names each node. */
  readonly paths: readonly string[];
  /** Are sums of all stacks, and of those that were left out, as decimal text. */
  readonly total: readonly [value: string, count: string];
  readonly hidden: readonly [value: string, count: string];
  /** Counts boxes that were cut. */
  readonly cut: number;
}

/**
 * Asks for the boxes of the tree of `selected`.
 *
 * @throws {RangeError} when an option makes no sense
 * @throws {StorageError}
 */
export async function treeNodes(
  question: Question,
  selected: TreeSource,
  { widths, ...options }: TreeOptions & Pick<TreeSqlOptions, "widths">,
): Promise<TreeNodes> {
  const { maxNodes = 20_000, minShare = 0, lastLevel = "none", firstLevels = DEFAULT_LEVELS } = options;
  const modules = options.collapseModules ?? [];
  if (!(minShare >= 0 && minShare <= 1)) {
    throw new QuestionError(`Cannot cut at a share that is not from 0 to 1: current value is ${minShare}`);
  }
  if (modules.length > MAX_MODULES) {
    throw new QuestionError(
      `Cannot collapse more than ${MAX_MODULES} modules: current value is ${modules.length}`,
    );
  }
  const chosen = await stackChoice(question, options.choice);
  const sql = treeSql(selected, { ...options, widths, collapseModules: modules, chosen: chosen.sql });
  const answer = await question.select(sql, {
    ...selected.params,
    // The root comes along.
    nodes: checkLimit(maxNodes) + 1,
    focus: options.focus ?? "",
    around: options.around?.function ?? "",
    under: options.under ?? "0",
    hide: options.hide ?? [],
    modules,
    ...chosen.params,
    ...Object.fromEntries(modules.map((module, i) => [`module_${i}`, String(functionKey(module, module))])),
  });
  if (answer.rows === 0) {
    return { nodes: [], others: [], paths: [], total: ["0", "0"], hidden: ["0", "0"], cut: 0 };
  }
  const columns = answer.columns as unknown as NodeColumns;
  const rows = largeRows(columns, minShare);
  const firstFunction = 2 + firstLevels.length;
  const isDetail = (row: number) => Boolean(columns.ends?.[row]);
  const all = Array.from({ length: rows }, (_, row) => row);
  const keysOf = (wanted: (row: number) => boolean) => all.filter(wanted).map((row) => columns.key[row]!);
  const isCode = (row: number) => columns.place[row]! >= firstFunction;
  const [names, details, values] = await Promise.all([
    functionNames(question, keysOf((row) => isCode(row) && !isDetail(row))),
    detailNames(question, lastLevel, keysOf((row) => isCode(row) && isDetail(row))),
    valuesOf(question, selected, {
      labels: firstLevels,
      keys: keysOf((row) => columns.place[row]! > 1 && !isCode(row)),
    }),
  ]);
  // Stacks that others push may be names alone; a tree tells code from what is none by its module.
  for (const [key, { name, module }] of names) {
    if (module === "") names.set(key, { name, module: UNKNOWN_MODULE });
  }
  for (const module of modules) names.set(String(functionKey(module, module)), { name: module, module });
  const paths = columns.path.slice(0, rows);
  const rowOf = new Map(paths.map((path, row) => [path, row]));
  const { width_1: otherWidths = [], self_1: otherSelves = [] } = columns;
  const others = all.map((row) => ({
    width: Number(otherWidths[row] ?? 0),
    self: Number(otherSelves[row] ?? 0),
  }));
  const nodes = all.map((row): TreeNode => {
    const place = columns.place[row]!;
    const key = columns.key[row]!;
    const name = place === 1
      ? MISSING
      : place < firstFunction
      ? { name: values.get(key) || UNKNOWN_MODULE, module: "" }
      : (isDetail(row) ? details : names).get(key) ?? MISSING;
    return {
      ...name,
      parent: place === 1 ? undefined : rowOf.get(columns.parent[row]!),
      width: Number(columns.width_0[row]) + others[row]!.width,
      self: Number(columns.self_0[row]) + others[row]!.self,
    };
  });
  const [value, count, hiddenValue, hiddenCount] = columns.wholes[0]!;
  return {
    nodes,
    others,
    paths,
    total: [value!, count!],
    hidden: [hiddenValue!, hiddenCount!],
    cut: answer.rowsBeforeLimit - rows,
  };
}

/** Holds the answer's columns; 64-bit numbers are decimal text. */
interface NodeColumns {
  readonly path: readonly string[];
  readonly parent: readonly string[];
  readonly key: readonly string[];
  /** The place is 1 for the root. */
  readonly place: readonly number[];
  /** Tells at which nodes stacks end, where a last level was asked for. */
  readonly ends?: readonly number[];
  readonly width_0: readonly string[];
  readonly self_0: readonly string[];
  /** Are there where two widths were asked for. */
  readonly width_1?: readonly string[];
  readonly self_1?: readonly string[];
  /** Are the value and the count of all stacks, and of those that were left out, where the row is the root. */
  readonly wholes: readonly (readonly string[])[];
}

/** Counts the rows, the largest of which come first, with at least `minShare` of the root's width, or of either of two. */
function largeRows({ width_0, width_1 }: NodeColumns, minShare: number): number {
  if (minShare === 0) return width_0.length;
  const isLarge = (widths: readonly string[], row: number) => {
    const width = Number(widths[row]);
    return width > 0 && width >= minShare * Number(widths[0]);
  };
  const first = width_0.findIndex((_, row) =>
    row > 0 && !isLarge(width_0, row) && !(width_1 && isLarge(width_1, row))
  );
  return first < 0 ? width_0.length : first;
}

/** Returns the values of `labels` by their hashes: a text has one, whichever label's it is. */
async function valuesOf(
  question: Question,
  { series, params }: TreeSource,
  { labels, keys }: { labels: readonly AnyLabel[]; keys: readonly string[] },
): Promise<Map<string, string>> {
  const sql = `SELECT DISTINCT cityHash64(value) AS key, value FROM series
ARRAY JOIN [${labels.map(labelSql).join(", ")}] AS value
WHERE ${series} AND key IN {keys:Array(UInt64)}`;
  const rows = await byKey<{ key: string; value: string }>(question, sql, keys, params);
  return new Map(rows.map(({ key, value }) => [key, value]));
}

function detailNames(
  question: Question,
  lastLevel: NonNullable<TreeOptions["lastLevel"]>,
  keys: readonly string[],
): Promise<Map<string, Name>> {
  if (lastLevel === "none") return Promise.resolve(new Map());
  return lastLevel === "line" ? lineNames(question, keys) : addressNames(question, keys);
}
