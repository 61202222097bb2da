// SPDX-License-Identifier: Apache-2.0
/**
 * Is the table of the methods of `querier.v1`.
 *
 * @module
 */

import { QuerierService } from "../../../proto/gen/querier/v1/querier_pb.ts";
import { type CallOptions, unaryRoute } from "../connect/unary.ts";
import type { ForeignRoute } from "../foreign.ts";
import { diffStacktraces, mergeSpanProfile, mergeStacktraces } from "./flame.ts";
import { labelNames, labelValues, profileTypes, series } from "./labels.ts";
import { profileStats, selectSeries } from "./points.ts";
import { mergeProfile } from "./profile.ts";
import type { Source } from "./source.ts";

const QUESTION = {
  scope: "read",
  maxBytes: 1 << 20,
  timeoutMs: 30_000,
  turn: "question",
} as const satisfies CallOptions;
const EXPORT = { ...QUESTION, timeoutMs: 60_000, turn: "export" } as const satisfies CallOptions;

/** Makes the routes of the service. */
export function querierRoutes(source: Source): ForeignRoute[] {
  const { method } = QuerierService;
  return [
    unaryRoute(method.profileTypes, QUESTION, (request, context) => profileTypes(source, request, context)),
    unaryRoute(method.labelNames, QUESTION, (request, context) => labelNames(source, request, context)),
    unaryRoute(method.labelValues, QUESTION, (request, context) => labelValues(source, request, context)),
    unaryRoute(method.series, QUESTION, (request, context) => series(source, request, context)),
    unaryRoute(method.getProfileStats, QUESTION, (_, context) => profileStats(source, context)),
    unaryRoute(method.selectSeries, QUESTION, (request, context) => selectSeries(source, request, context)),
    unaryRoute(
      method.selectMergeStacktraces,
      QUESTION,
      (request, context) => mergeStacktraces(source, request, context),
    ),
    unaryRoute(
      method.selectMergeSpanProfile,
      QUESTION,
      (request, context) => mergeSpanProfile(source, request, context),
    ),
    unaryRoute(method.diff, QUESTION, (request, context) => diffStacktraces(source, request, context)),
    unaryRoute(
      method.selectMergeProfile,
      EXPORT,
      (request, context) => mergeProfile(source, request, context),
    ),
  ];
}
