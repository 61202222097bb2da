/**
 * What was waited for: locks and system calls.
 *
 * @module
 */

import * as v from "valibot";
import { errnoName } from "../../profile/errno.ts";
import { type AnyLabel, isLabel, LABELS } from "../query/matchers.ts";
import type { LockSite, SyscallRow } from "../query/types.ts";
import { limitParam, type Param, readSelectionOf } from "./params.ts";
import { selectionBody } from "./profile_routes.ts";
import { json } from "./reply.ts";
import type { Context, Route } from "./route.ts";
import type { HandlerOptions } from "./types.ts";

/** The routes of locks and system calls. */
export function waitRoutes(options: HandlerOptions): Route[] {
  return [
    {
      method: "GET",
      path: "/api/locks",
      access: "token",
      turn: "question",
      handle: (context) => locks(context, options),
    },
    {
      method: "GET",
      path: "/api/syscalls",
      access: "token",
      turn: "question",
      handle: (context) => syscalls(context, options),
    },
  ];
}

/** Names with commas between them. */
const list = v.pipe(v.string(), v.minLength(1, "a list of names"), v.transform((text) => text.split(",")));
const namesParam = { schema: list } as const satisfies Param<string[]>;
const labelsParam = {
  schema: v.pipe(
    list,
    v.check(
      (names) => new Set(names).size === names.length && names.every((name) => isLabel(name)),
      `a list of different labels out of ${LABELS.join(", ")}, label_NAME`,
    ),
    v.transform((names) => names as AnyLabel[]),
  ),
} as const satisfies Param<AnyLabel[]>;

async function locks({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { selection, params } = readSelectionOf(
    "lock",
    url,
    { limit: limitParam(50, 1000), holders: limitParam(5, 100) },
    now(),
  );
  const { sites, total, other } = await queries.lockSites(selection, { ...params, signal });
  return json({ selection: selectionBody(selection), sites: sites.map(siteBody), total, other });
}

function siteBody({ otherHolders, ...site }: LockSite) {
  return { ...site, other_holders: otherHolders };
}

async function syscalls({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions) {
  const { selection, params } = readSelectionOf(
    "syscall",
    url,
    { limit: limitParam(100, 10_000), group_by: labelsParam, call: namesParam, category: namesParam },
    now(),
  );
  const { rows, total, other } = await queries.syscalls(selection, {
    groupBy: params.group_by ?? [],
    ...(params.call && { calls: params.call }),
    ...(params.category && { categories: params.category }),
    limit: params.limit,
    signal,
  });
  const seconds = (selection.to - selection.from) / 1000;
  return json({
    selection: selectionBody(selection),
    group_by: params.group_by ?? [],
    rows: rows.map((row) => rowBody(row, seconds)),
    total,
    other,
  });
}

/** Errors by their names, the most frequent first; `rate` is calls a second of the selection's whole time. */
function rowBody({ errors, ...row }: SyscallRow, seconds: number) {
  const named = [...errors].sort((a, b) => b[1] - a[1]).map(([errno, failed]) => [errnoName(errno), failed]);
  return { ...row, rate: row.total.count / seconds, errors: Object.fromEntries(named) };
}
