// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what was waited for: locks and system calls.
 *
 * @module
 */

import * as v from "valibot";
import { errnoName } from "../../profile/errno.ts";
import { LABELS } from "../../profile/labels.ts";
import { type AnyLabel, isLabel } from "../query/matchers.ts";
import type { LockSite, SyscallRow } from "../query/wait_answers.ts";
import type { HeatmapJson, LocksJson, SyscallsJson } from "./answers.ts";
import { stepParam } from "./overview_routes.ts";
import { limitParam, listParam, type Param, readSelectionOf } from "./params.ts";
import { json } from "./reply.ts";
import { type Context, getRoute, type Handler, type Route } from "./route.ts";
import { withQuality } from "./selected.ts";
import { formatTime } from "./time.ts";
import type { HandlerOptions } from "./types.ts";

/** Makes the routes of locks and system calls. */
export function waitRoutes(options: HandlerOptions): Route[] {
  const get = (path: string, handle: Handler) => getRoute(path, options, handle);
  return [
    get("/api/locks", locks),
    get("/api/syscalls", syscalls),
    get("/api/syscalls/heatmap", heatmap),
  ];
}

const labelsParam = {
  schema: v.pipe(
    listParam.schema,
    v.check(
      (names) => new Set(names).size === names.length && names.every((name) => isLabel(name)),
      `a list of different labels out of ${LABELS.join(", ")}, label_NAME`,
    ),
    v.transform((names) => names as AnyLabel[]),
  ),
} as const satisfies Param<AnyLabel[]>;

async function locks({ url, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection, params } = readSelectionOf(
    "lock",
    url,
    { limit: limitParam(50, 1000), holders: limitParam(5, 100) },
    now(),
  );
  const asked = queries.lockSites(selection, { ...params, signal });
  const { answer: { sites, holders, total, other, hidden }, common } = await withQuality(options, selection, {
    answer: asked,
    signal,
  });
  return json(
    { ...common, sites: sites.map(siteJson), holders, total, other, hidden } satisfies LocksJson,
  );
}

function siteJson({ otherHolders, ...site }: LockSite): LocksJson["sites"][number] {
  return { ...site, other_holders: otherHolders };
}

async function syscalls({ url, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection, params } = readSelectionOf(
    "syscall",
    url,
    {
      limit: limitParam(100, 10_000),
      objects: limitParam(5, 100),
      group_by: labelsParam,
      call: listParam,
      category: listParam,
    },
    now(),
  );
  const asked = queries.syscalls(selection, {
    groupBy: params.group_by ?? [],
    ...(params.call && { calls: params.call }),
    ...(params.category && { categories: params.category }),
    limit: params.limit,
    objects: params.objects,
    signal,
  });
  const { answer, common } = await withQuality(options, selection, { answer: asked, signal });
  const seconds = (selection.to - selection.from) / 1000;
  return json(
    {
      ...common,
      group_by: params.group_by ?? [],
      rows: answer.rows.map((row) => rowJson(row, seconds)),
      total: answer.total,
      other: answer.other,
      hidden: answer.hidden,
    } satisfies SyscallsJson,
  );
}

function rowJson({ errors, slow, ...row }: SyscallRow, seconds: number): SyscallsJson["rows"][number] {
  const { onCpu, inLock, otherObjects, ...calls } = slow;
  const named = [...errors].sort((a, b) => b[1] - a[1]).map(([errno, failed]) => [errnoName(errno), failed]);
  return {
    ...row,
    slow: { ...calls, on_cpu: onCpu, in_lock: inLock, other_objects: otherObjects },
    rate: row.total.count / seconds,
    errors: Object.fromEntries(named),
  };
}

async function heatmap({ url, signal }: Context, options: HandlerOptions) {
  const { queries, now = Date.now } = options;
  const { selection, params } = readSelectionOf("syscall", url, { step: stepParam, call: listParam }, now());
  const asked = queries.callHeatmap(selection, {
    step: params.step,
    ...(params.call && { calls: params.call }),
    signal,
  });
  const { answer, common } = await withQuality(options, selection, { answer: asked, signal });
  return json(
    {
      ...common,
      from: formatTime(answer.from),
      step: answer.step,
      columns: answer.columns,
    } satisfies HeatmapJson,
  );
}
