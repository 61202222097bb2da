// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what there is: kinds, time lines, agents, names that are missing, and storage itself.
 *
 * @module
 */

import * as v from "valibot";
import { integer } from "../../common/settings.ts";
import type {
  AboutJson,
  BuildsJson,
  CoverageJson,
  FleetJson,
  KindsJson,
  StoreJson,
  TimelineJson,
  WindowsJson,
} from "./answers.ts";
import { labelName, limitParam, readParams, readRange, readSelection, readSelectionOf } from "./params.ts";
import { json } from "./reply.ts";
import { type Context, getRoute, type Handler, type Route } from "./route.ts";
import { costJson, withQuality } from "./selected.ts";
import { formatTime } from "./time.ts";
import type { HandlerOptions } from "./types.ts";

/** The step is in seconds; tens of them, as storage has no finer buckets. */
export const stepParam = {
  schema: v.pipe(integer(10, 86_400), v.check((step) => step % 10 === 0, "a number of tens of seconds")),
  default: "60",
} as const;

/** Is where agents push when nothing else is said. */
const DEFAULT_PORT = 50051;

/** Makes the routes that say what there is. */
export function overviewRoutes(options: HandlerOptions): Route[] {
  const get = (path: string, handle: Handler) => getRoute(path, options, handle);
  return [
    get("/api/timeline", timeline),
    get("/api/kinds", kinds),
    get("/api/fleet", fleet),
    get("/api/windows", windows),
    get("/api/builds", builds),
    get("/api/coverage", coverage),
    get("/api/store", store),
    { method: "GET", path: "/api/about", access: "token", handle: ({ url }) => about(url, options) },
  ];
}

function about(url: URL, { version, sourceUrl, ingestPort = DEFAULT_PORT }: HandlerOptions) {
  readParams(url, {});
  return json(
    { version, source_url: sourceUrl ?? null, ingest_port: ingestPort } satisfies AboutJson,
  );
}

async function windows({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { range, params } = readRange(url, { step: stepParam }, now());
  const { from, step, agents, counted, lost, cost } = await queries.windows(range, { ...params, signal });
  return json(
    { from: formatTime(from), step, agents, counted, lost, cost: costJson(cost) } satisfies WindowsJson,
  );
}

async function builds({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { selection, params } = readSelection(url, { limit: limitParam(100, 1000) }, now());
  const { builds, cost } = await queries.builds(selection, { ...params, signal });
  return json(
    {
      builds: builds.map(({ module, buildId, first, last }) => ({
        module,
        build_id: buildId,
        first: formatTime(first),
        last: formatTime(last),
      })),
      cost: costJson(cost),
    } satisfies BuildsJson,
  );
}

async function timeline({ url, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection, params } = readSelection(url, {
    by: { schema: v.union([v.literal("function", "function"), labelName()]), default: "node" },
    step: stepParam,
    limit: limitParam(7, 200),
  }, now());
  const asked = queries.timeline(selection, { ...params, signal });
  const { answer, common } = await withQuality(options, selection, { answer: asked, signal });
  const { from, step, lanes } = answer;
  return json({ ...common, by: params.by, from: formatTime(from), step, lanes } satisfies TimelineJson);
}

async function kinds({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { selection: { kind: _kind, ...rest } } = readSelectionOf("cpu", url, {}, now());
  const { kinds, cost } = await queries.kinds(rest, { signal });
  return json({ kinds, cost: costJson(cost) } satisfies KindsJson);
}

async function fleet({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { range, params } = readRange(url, { limit: limitParam(1000, 10_000) }, now());
  const { agents, cost } = await queries.fleet(range, { ...params, signal });
  return json(
    {
      agents: agents.map(({ agentId, lastEnd, started, stackEnds, usage, ...agent }) => ({
        ...agent,
        agent_id: agentId,
        started: formatTime(started),
        last_end: formatTime(lastEnd),
        stack_ends: stackEnds,
        usage: usage ? { cores: usage.cores, memory_bytes: usage.memoryBytes } : null,
      })),
      cost: costJson(cost),
    } satisfies FleetJson,
  );
}

async function coverage({ url, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection, params } = readSelection(url, { limit: limitParam(50, 1000) }, now());
  const asked = queries.coverage(selection, { ...params, signal });
  const { answer, common } = await withQuality(options, selection, { answer: asked, signal });
  return json(
    {
      ...common,
      files: answer.files.map(({ buildId, withoutLines, ...file }) => ({
        ...file,
        build_id: buildId,
        without_lines: withoutLines,
      })),
    } satisfies CoverageJson,
  );
}

async function store({ url, signal }: Context, { queries }: HandlerOptions) {
  readParams(url, {});
  const { tables, disk, cost } = await queries.store({ signal });
  const time = (ms: number | undefined) => ms === undefined ? null : formatTime(ms);
  return json(
    {
      tables: tables.map(({ oldest, newest, ...table }) => ({
        ...table,
        oldest: time(oldest),
        newest: time(newest),
      })),
      disk,
      cost: costJson(cost),
    } satisfies StoreJson,
  );
}
