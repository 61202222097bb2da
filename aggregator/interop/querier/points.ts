// SPDX-License-Identifier: Apache-2.0
/**
 * Answers series of points, and what is known of the store as a whole.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  SelectSeriesRequest,
  SelectSeriesResponseSchema,
} from "../../../proto/gen/querier/v1/querier_pb.ts";
import {
  type GetProfileStatsResponseSchema,
  TimeSeriesAggregationType,
} from "../../../proto/gen/types/v1/types_pb.ts";
import type { AnyLabel } from "../../query/matchers.ts";
import { RESOLUTIONS } from "../../storage/resolutions.ts";
import { ConnectError } from "../connect/error.ts";
import type { CallContext } from "../connect/unary.ts";
import { seriesLabel, typeLabel } from "./conditions.ts";
import { choiceOf } from "./flame.ts";
import { explained, selectionOf, settled, type Source, spanOf } from "./source.ts";

const MAX_SERIES = 10_000;

/** Answers sums over time. */
export async function selectSeries(
  source: Source,
  request: SelectSeriesRequest,
  { signal }: CallContext,
): Promise<MessageInitShape<typeof SelectSeriesResponseSchema>> {
  const { groupBy, step, aggregation, limit = 0n } = request;
  const span = spanOf(request.start, request.end);
  // Not a number is refused, too.
  if (!(step * 1000 >= 1)) {
    throw new ConnectError(
      "invalid_argument",
      `Cannot sum in steps of less than 1 ms: current value is ${step} s`,
    );
  }
  if (limit < 0n) throw new ConnectError("invalid_argument", `Cannot answer fewer than no series: ${limit}`);
  const found = selectionOf(request.profileTypeID, request.labelSelector, span);
  const choice = choiceOf(request.stackTraceSelector);
  if (!found) return {};
  await settled(source, span.to);
  const { selection, type } = found;
  // Labels of the type are the same for all series.
  const names = [...new Set(groupBy)];
  const own = names.filter((name) => !typeLabel(name));
  const { series } = await explained(() =>
    source.queries.points({ ...selection, ...span }, {
      groupBy: own.map((name): AnyLabel => seriesLabel(name)),
      stepMs: Math.round(step * 1000),
      value: type.value,
      average: aggregation === TimeSeriesAggregationType.AVERAGE,
      limit: limit === 0n ? MAX_SERIES : Math.min(Number(limit), MAX_SERIES),
      ...(choice && { choice }),
      signal,
    })
  );
  return {
    series: series.map(({ labels, points }) => ({
      labels: names.map((name) => ({ name, value: typeLabel(name)?.(type) ?? labels[own.indexOf(name)]! }))
        .filter(({ value }) => value !== "").sort((a, b) => a.name < b.name ? -1 : 1),
      points: points.map(({ time, value }) => ({ timestamp: BigInt(time), value })),
    })).sort((a, b) => JSON.stringify(a.labels) < JSON.stringify(b.labels) ? -1 : 1),
  };
}

const SUFFIXES = RESOLUTIONS.map(({ suffix }) => suffix).join("|");
const SAMPLES = new RegExp(`^(samples|locks|syscalls|profiles)(${SUFFIXES})(_local)?$`);

/** Answers whether there are samples, and from when to when. */
export async function profileStats(
  source: Source,
  { signal }: CallContext,
): Promise<MessageInitShape<typeof GetProfileStatsResponseSchema>> {
  await settled(source, source.now());
  const { tables } = await source.queries.store({ signal });
  const held = tables.filter(({ name, rows }) => SAMPLES.test(name) && rows > 0);
  if (held.length === 0) return { dataIngested: false };
  // Tables know of their parts' periods, which begin before what is in them.
  const [newest] = await source.queries.batches({ limit: 1, signal });
  const times = held.flatMap(({ oldest, newest }) => [oldest, newest]).filter((time) => time !== undefined);
  return {
    dataIngested: true,
    oldestProfileTime: BigInt(Math.min(...times)),
    newestProfileTime: BigInt(Math.max(...times, newest?.end ?? 0)),
  };
}
