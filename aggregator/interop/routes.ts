// SPDX-License-Identifier: Apache-2.0
/**
 * Is the table of routes whose form others have set: with its scope, its bound of bytes and its time each.
 * docs/interop.md repeats it, and a test compares both.
 *
 * @module
 */

import type { Route } from "../http/route.ts";
import type { HandlerOptions } from "../http/types.ts";
import { unimplementedRoute } from "./connect/unary.ts";
import { type ForeignRoute, toRoute } from "./foreign.ts";
import { pprofRoutes } from "./pprof/routes.ts";
import { renderRoutes } from "./pyroscope/render.ts";
import { querierRoutes } from "./querier/service.ts";
import { createSource } from "./querier/source.ts";
import { otlpRoutes } from "./otlp/http.ts";
import { ingestRoutes } from "./sdk/ingest.ts";
import { pushRoutes } from "./sdk/push.ts";
import { settingsRoutes } from "./settings.ts";

/** Returns the table. */
export function foreignTable(options: HandlerOptions): ForeignRoute[] {
  const source = createSource(options);
  const { intake } = options;
  return [
    ...querierRoutes(source),
    ...(intake ? [...pushRoutes(intake), ...ingestRoutes(intake), ...otlpRoutes(intake)] : []),
    ...renderRoutes(source),
    ...pprofRoutes(source),
    ...settingsRoutes(),
    unimplementedRoute({ scope: "read", maxBytes: 0, timeoutMs: 10_000 }),
  ];
}

/** Returns all of the table's routes, as the server has them. */
export function foreignRoutes(options: HandlerOptions): Route[] {
  return foreignTable(options).map(toRoute);
}
