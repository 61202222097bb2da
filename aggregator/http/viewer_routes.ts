// SPDX-License-Identifier: Apache-2.0
/**
 * Gives profiles to viewers that show more than one file of stacks can.
 *
 * @module
 */

import * as v from "valibot";
import { nestedSet } from "../../profile/formats/nested_set.ts";
import { speedscopeJson } from "../../profile/formats/speedscope.ts";
import { KINDS } from "../../profile/model.ts";
import { type AnyKind, isAnyKind } from "../../profile/profile_type.ts";
import { withOther } from "./export_routes.ts";
import { limitParam, readSelection, readSelectionOf, unitParam } from "./params.ts";
import { json, type Reply } from "./reply.ts";
import { type Context, getRoute, type Handler, type Route } from "./route.ts";
import type { HandlerOptions } from "./types.ts";

/** Makes the routes. */
export function viewerRoutes(options: HandlerOptions): Route[] {
  const get = (path: string, handle: Handler): Route => ({
    ...getRoute(path, options, handle),
    turn: "export",
  });
  return [get("/api/export/speedscope", speedscope), get("/api/export/nested-set", nested)];
}

/** Lists kinds with commas between them. */
const kindsParam = {
  schema: v.pipe(
    v.string(),
    v.transform((text) => text.split(",")),
    v.check((names) => names.length <= 16 && names.every(isAnyKind), "a list of at most 16 kinds"),
    v.transform((names) => [...new Set(names as AnyKind[])]),
  ),
  default: KINDS.join(),
} as const;

async function speedscope(
  { url, signal }: Context,
  { queries, now = Date.now }: HandlerOptions,
): Promise<Reply> {
  const { selection, params } = readSelectionOf(
    "cpu",
    url,
    { kinds: kindsParam, unit: unitParam, limit: limitParam(50_000, 1_000_000) },
    now(),
  );
  const value = params.unit === "count" ? "count" : "value";
  const kinds = [];
  for (const kind of params.kinds) {
    const { profile, other } = await queries.stacks({ ...selection, kind }, { limit: params.limit, signal });
    kinds.push({ kind, profile: withOther(profile, other, kind) });
  }
  const [from, to] = [selection.from, selection.to].map((ms) => new Date(ms).toISOString());
  return {
    headers: {
      "content-type": "application/json",
      "content-disposition": `attachment; filename="aperture.speedscope.json"`,
    },
    body: speedscopeJson(kinds, { name: `Aperture, ${from} to ${to}`, value }),
  };
}

async function nested({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions): Promise<Reply> {
  const { selection, params } = readSelection(
    url,
    { unit: unitParam, max_nodes: limitParam(5000, 100_000) },
    now(),
  );
  const { graph } = await queries.tree(selection, {
    value: params.unit === "count" ? "count" : "value",
    maxNodes: params.max_nodes,
    firstLevels: [],
    signal,
  });
  return json(nestedSet(graph));
}
