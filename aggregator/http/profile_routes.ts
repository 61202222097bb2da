// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what was profiled: flame graphs, tables, labels and differences.
 *
 * @module
 */

import * as v from "valibot";
import { integer, oneOf, toggle } from "../../common/settings.ts";
import { DEFAULT_LEVELS } from "../../profile/first_levels.ts";
import { LABELS } from "../../profile/labels.ts";
import type { AnyLabel } from "../query/matchers.ts";
import type { AggregateRow, DiffRow, TreeOptions } from "../query/stack_answers.ts";
import type {
  AggregateJson,
  DiffFlameJson,
  DiffJson,
  FlameJson,
  LabelNamesJson,
  LabelValuesJson,
  SeriesJson,
  TopJson,
} from "./answers.ts";
import { aggregateBody, checkSelections, diffBody, diffTreeBody, readBody } from "./body.ts";
import {
  holdersParam,
  labelParam,
  levels,
  limitParam,
  listParam,
  type Param,
  readParams,
  readSelection,
  textParam,
  underSchema,
  unitParam,
} from "./params.ts";
import { json } from "./reply.ts";
import { type Context, getRoute, type Handler, postRoute, type Route } from "./route.ts";
import { costJson, selectionJson, withQuality } from "./selected.ts";
import type { HandlerOptions } from "./types.ts";

/** Makes the routes that ask storage for profiles. */
export function profileRoutes(options: HandlerOptions): Route[] {
  const get = (path: string, handle: Handler) => getRoute(path, options, handle);
  const post = (path: string, handle: Handler) => postRoute(path, options, handle);
  return [
    get("/api/flamegraph", flamegraph),
    get("/api/top", top),
    get("/api/labels", labels),
    get("/api/series", series),
    post("/api/aggregate", aggregate),
    post("/api/diff", diff),
    post("/api/diff/flamegraph", diffFlamegraph),
  ];
}

/** The share is in per mille of the whole. */
const shareParam = { schema: v.pipe(integer(0, 1000), v.transform((n) => n / 1000)), default: "0" } as const;

const levelsParam = {
  schema: v.union([
    v.pipe(v.literal("none", "none"), v.transform((): AnyLabel[] => [])),
    v.pipe(listParam.schema, levels),
  ]),
  default: DEFAULT_LEVELS.join(","),
} as const satisfies Param<AnyLabel[]>;

const FLAME_PARAMS = {
  holders: holdersParam,
  unit: unitParam,
  max_nodes: limitParam(20_000, 500_000),
  min_per_mille: shareParam,
  first_level: levelsParam,
  last_level: { schema: oneOf(["none", "line", "address"]), default: "none" },
  inlined: { schema: toggle(), default: "true" },
  inverted: { schema: toggle(), default: "false" },
  focus: textParam,
  callers: textParam,
  callees: textParam,
  under: { schema: underSchema },
  hide: listParam,
  collapse_recursion: { schema: toggle(), default: "false" },
  collapse_modules: listParam,
} as const;

async function flamegraph({ url, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection: read, params } = readSelection(url, FLAME_PARAMS, now());
  const selection = { ...read, holders: params.holders };
  const asked = queries.tree(selection, {
    value: params.unit === "count" ? "count" : "value",
    maxNodes: params.max_nodes,
    minShare: params.min_per_mille,
    firstLevels: params.first_level,
    ...(params.under !== undefined && { under: params.under }),
    lastLevel: params.last_level,
    ...stepsOf(params),
    signal,
  });
  const { answer, common } = await withQuality(options, selection, { answer: asked, signal });
  const { total, hidden, cut, graph } = answer;
  return json({ ...common, total, hidden, cut, graph } satisfies FlameJson);
}

/** Is what changes the stacks of a tree, as parameters and bodies have it. */
interface Steps {
  readonly inlined: boolean;
  readonly inverted: boolean;
  readonly focus?: string | undefined;
  readonly callers?: string | undefined;
  readonly callees?: string | undefined;
  readonly hide?: readonly string[] | undefined;
  readonly collapse_recursion: boolean;
  readonly collapse_modules?: readonly string[] | undefined;
}

function stepsOf({ inlined, inverted, focus, hide, ...steps }: Steps): TreeOptions {
  return {
    ...{ inlined, inverted, collapseRecursion: steps.collapse_recursion },
    ...(focus !== undefined && { focus }),
    ...aroundOf(steps),
    ...(hide && { hide }),
    ...(steps.collapse_modules && { collapseModules: steps.collapse_modules }),
  };
}

/** Returns what is asked around one function. */
function aroundOf({ callers, callees }: Pick<Steps, "callers" | "callees">): Pick<TreeOptions, "around"> {
  if (callers !== undefined) return { around: { function: callers, side: "callers" } };
  return callees === undefined ? {} : { around: { function: callees, side: "callees" } };
}

async function top({ url, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection, params } = readSelection(url, { limit: limitParam(50, 10_000) }, now());
  const asked = queries.aggregate(selection, { groupBy: ["function"], limit: params.limit, signal });
  const { answer, common } = await withQuality(options, selection, { answer: asked, signal });
  return json(
    {
      ...common,
      rows: answer.rows.map((row) => ({
        function: row.group[0]!,
        module: row.module,
        self: row.self,
        total: row.total,
      })),
      total: answer.total,
      other: answer.other,
    } satisfies TopJson,
  );
}

async function labels({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  if (!url.searchParams.has("label")) {
    readParams(url, {});
    return json({ labels: LABELS } satisfies LabelNamesJson);
  }
  const { selection, params } = readSelection(
    url,
    { label: labelParam, limit: limitParam(100, 10_000) },
    now(),
  );
  const label = params.label!;
  const { values, cost } = await queries.labelValues(label, selection, { limit: params.limit, signal });
  const answer = { selection: selectionJson(selection), label, values, cost: costJson(cost) };
  return json(answer satisfies LabelValuesJson);
}

async function series({ url, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection, params } = readSelection(url, { limit: limitParam(100, 10_000) }, now());
  const asked = queries.aggregate(selection, { groupBy: LABELS, limit: params.limit, signal });
  const { answer, common } = await withQuality(options, selection, { answer: asked, signal });
  return json(
    {
      ...common,
      series: answer.rows.map((row) => ({
        labels: Object.fromEntries(LABELS.map((label, i) => [label, row.group[i] ?? ""])),
        total: row.self,
      })),
      total: answer.total,
      other: answer.other,
    } satisfies SeriesJson,
  );
}

async function aggregate({ request, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection, groupBy, limit } = await readBody(request, aggregateBody(now()));
  checkSelections(selection);
  const asked = queries.aggregate(selection, { groupBy, limit, signal });
  const { answer, common } = await withQuality(options, selection, { answer: asked, signal });
  return json(
    {
      ...common,
      group_by: groupBy,
      rows: answer.rows.map(({ group, module, self, total }: AggregateRow) => ({
        group,
        module,
        self,
        total,
      })),
      total: answer.total,
      other: answer.other,
    } satisfies AggregateJson,
  );
}

async function diff({ request, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { base, compare, by, order, limit } = await readBody(request, diffBody(now()));
  checkSelections(base, compare);
  const answer = await queries.diff(base, compare, { by, order, limit, signal });
  return json(
    {
      base: { selection: selectionJson(base), total: answer.base },
      compare: { selection: selectionJson(compare), total: answer.compare },
      rows: answer.rows.map((row: DiffRow) => ({
        function: row.function,
        module: row.module,
        base_self: row.baseSelf,
        base_total: row.baseTotal,
        compare_self: row.compareSelf,
        compare_total: row.compareTotal,
      })),
      cost: costJson(answer.cost),
    } satisfies DiffJson,
  );
}

async function diffFlamegraph({ request, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { base, compare, ...options } = await readBody(request, diffTreeBody(now()));
  checkSelections(base, compare);
  const answer = await queries.diffTree(base, compare, {
    value: options.unit === "count" ? "count" : "value",
    maxNodes: options.max_nodes,
    minShare: options.min_per_mille / 1000,
    firstLevels: options.first_level,
    ...(options.under !== undefined && { under: options.under }),
    ...stepsOf(options),
    signal,
  });
  return json(
    {
      base: { selection: selectionJson(base), ...answer.base },
      compare: { selection: selectionJson(compare), ...answer.compare },
      cut: answer.cut,
      graph: answer.graph,
      cost: costJson(answer.cost),
    } satisfies DiffFlameJson,
  );
}
