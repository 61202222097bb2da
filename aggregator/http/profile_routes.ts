/**
 * What was profiled: flame graphs, tables, labels and differences.
 *
 * @module
 */

import { formatMatchers, LABELS } from "../query/matchers.ts";
import type { AggregateRow, DiffRow, Selection } from "../query/types.ts";
import { aggregateBody, checkSelections, diffBody, readBody } from "./body.ts";
import { labelParam, limitParam, readParams, readSelection, unitParam } from "./params.ts";
import { json, type Reply } from "./reply.ts";
import type { Context, Route } from "./route.ts";
import { formatTime } from "./time.ts";
import type { HandlerOptions } from "./types.ts";

/** The routes that ask storage for profiles. */
export function profileRoutes(options: HandlerOptions): Route[] {
  const get = (path: string, handle: Handler): Route => ({
    method: "GET",
    path,
    access: "token",
    turn: "question",
    handle: (context) => handle(context, options),
  });
  const post = (path: string, handle: Handler): Route => ({ ...get(path, handle), method: "POST" });
  return [
    get("/api/flamegraph", flamegraph),
    get("/api/top", top),
    get("/api/labels", labels),
    get("/api/series", series),
    post("/api/aggregate", aggregate),
    post("/api/diff", diff),
  ];
}

type Handler = (context: Context, options: HandlerOptions) => Promise<Reply>;

/** A selection as answers repeat it, its times resolved. */
export function selectionBody({ kind, from, to, matchers, idle = false }: Selection) {
  return { kind, from: formatTime(from), to: formatTime(to), match: formatMatchers(matchers), idle };
}

async function flamegraph({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { selection, params } = readSelection(
    url,
    { unit: unitParam, max_nodes: limitParam(20_000, 500_000) },
    now(),
  );
  const { graph, total, hidden, cut } = await queries.tree(selection, {
    value: params.unit === "count" ? "count" : "value",
    maxNodes: params.max_nodes,
    signal,
  });
  return json({ selection: selectionBody(selection), total, hidden, cut, graph });
}

async function top({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { selection, params } = readSelection(url, { limit: limitParam(50, 10_000) }, now());
  const { rows, total, other } = await queries.aggregate(selection, {
    groupBy: ["function"],
    limit: params.limit,
    signal,
  });
  return json({
    selection: selectionBody(selection),
    rows: rows.map((row) => ({
      function: row.group[0]!,
      module: row.module,
      self: row.self,
      total: row.total,
    })),
    total,
    other,
  });
}

async function labels({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  if (!url.searchParams.has("label")) {
    readParams(url, {});
    return json({ labels: LABELS });
  }
  const { selection, params } = readSelection(
    url,
    { label: labelParam, limit: limitParam(100, 10_000) },
    now(),
  );
  const label = params.label!;
  const { values } = await queries.labelValues(label, selection, { limit: params.limit, signal });
  return json({ selection: selectionBody(selection), label, values });
}

async function series({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { selection, params } = readSelection(url, { limit: limitParam(100, 10_000) }, now());
  const { rows, total, other } = await queries.aggregate(selection, {
    groupBy: LABELS,
    limit: params.limit,
    signal,
  });
  return json({
    selection: selectionBody(selection),
    series: rows.map((row) => ({
      labels: Object.fromEntries(LABELS.map((label, i) => [label, row.group[i] ?? ""])),
      total: row.self,
    })),
    total,
    other,
  });
}

async function aggregate({ request, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { selection, groupBy, limit } = await readBody(request, aggregateBody(now()));
  checkSelections(selection);
  const { rows, total, other } = await queries.aggregate(selection, { groupBy, limit, signal });
  return json({
    selection: selectionBody(selection),
    group_by: groupBy,
    rows: rows.map(({ group, module, self, total }: AggregateRow) => ({ group, module, self, total })),
    total,
    other,
  });
}

async function diff({ request, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { base, compare, limit } = await readBody(request, diffBody(now()));
  checkSelections(base, compare);
  const answer = await queries.diff(base, compare, { limit, signal });
  return json({
    base: { selection: selectionBody(base), total: answer.base },
    compare: { selection: selectionBody(compare), total: answer.compare },
    rows: answer.rows.map((row: DiffRow) => ({
      function: row.function,
      module: row.module,
      base_self: row.baseSelf,
      base_total: row.baseTotal,
      compare_self: row.compareSelf,
      compare_total: row.compareTotal,
    })),
  });
}
