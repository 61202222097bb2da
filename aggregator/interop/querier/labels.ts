// SPDX-License-Identifier: Apache-2.0
/**
 * Answers what menus ask: types of profiles, labels, their values, and series.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ProfileTypesRequest,
  ProfileTypesResponseSchema,
  SeriesRequest,
  SeriesResponseSchema,
} from "../../../proto/gen/querier/v1/querier_pb.ts";
import type {
  LabelNamesRequest,
  LabelNamesResponseSchema,
  LabelValuesRequest,
  LabelValuesResponseSchema,
} from "../../../proto/gen/types/v1/types_pb.ts";
import { type AnyLabel, SERVICE_NAME } from "../../query/matchers.ts";
import type { SeriesLabelsAnswer } from "../../query/series_answers.ts";
import { ConnectError } from "../connect/error.ts";
import type { CallContext } from "../connect/unary.ts";
import { type Chosen, PSEUDO_LABELS, readSelectors, seriesLabel, typeLabel } from "./conditions.ts";
import type { ProfileType } from "./profile_types.ts";
import { explained, selectionsOf, settled, type Source, type Span, spanOf } from "./source.ts";

/** A health check of old clients says no time: it is asked of the last hour. */
const DEFAULT_MS = 3_600_000;

/** More series are no menu. */
const MAX_SERIES = 50_000;

/** Answers which types have samples. */
export async function profileTypes(
  source: Source,
  { start, end }: ProfileTypesRequest,
  { signal }: CallContext,
): Promise<MessageInitShape<typeof ProfileTypesResponseSchema>> {
  const now = source.now();
  const span = spanOf(start, end, { from: now - DEFAULT_MS, to: now });
  const { rows, types } = await present(source, { takes: () => true, matchers: [] }, {
    span,
    // A constant would do: whether there is a series is all that is asked.
    names: ["service"],
    signal,
  });
  const found = new Set(rows.flatMap(({ of }) => types[of]!));
  return {
    profileTypes: [...found].sort((a, b) => a.id < b.id ? -1 : 1).map((type) => ({
      ID: type.id,
      name: type.name,
      sampleType: type.sampleType,
      sampleUnit: type.sampleUnit,
      periodType: type.periodType,
      periodUnit: type.periodUnit,
    })),
  };
}

const LEGACY_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Answers which labels series have. Names of other characters go to who says that it takes them. */
export async function labelNames(
  source: Source,
  { matchers, start, end }: LabelNamesRequest,
  { request, signal }: CallContext,
): Promise<MessageInitShape<typeof LabelNamesResponseSchema>> {
  const span = spanOf(start, end);
  const { rows } = await present(source, readSelectors(matchers), { span, names: [], signal });
  if (rows.length === 0) return { names: [] };
  const all = new Set([...PSEUDO_LABELS, ...rows.flatMap(({ labels }) => Object.keys(labels))]);
  const takesAll = /;\s*allow-utf8-labelnames\s*=\s*true/i.test(request.headers.get("accept") ?? "");
  return { names: [...all].filter((name) => takesAll || LEGACY_NAME.test(name)).sort() };
}

/** Answers the values of a label. */
export async function labelValues(
  source: Source,
  { name, matchers, start, end }: LabelValuesRequest,
  { signal }: CallContext,
): Promise<MessageInitShape<typeof LabelValuesResponseSchema>> {
  if (name === "") {
    throw new ConnectError("invalid_argument", "Cannot answer the values of a label without its name");
  }
  const span = spanOf(start, end);
  const ofType = typeLabel(name);
  const label = ofType ? "service" : seriesLabel(name);
  const { rows, types } = await present(source, readSelectors(matchers), { span, names: [label], signal });
  const values = ofType
    ? rows.flatMap(({ of }) => types[of]!.map(ofType))
    : rows.flatMap(({ labels }) => Object.values(labels));
  return { names: [...new Set(values)].sort() };
}

/** Answers the distinct tuples of labels. */
export async function series(
  source: Source,
  { matchers, labelNames, start, end }: SeriesRequest,
  { signal }: CallContext,
): Promise<MessageInitShape<typeof SeriesResponseSchema>> {
  const span = spanOf(start, end);
  const wanted = [...new Set(labelNames)];
  const ofSeries = wanted.filter((name) => !typeLabel(name));
  const names = wanted.length === 0
    ? []
    : ofSeries.length === 0
    ? ["service" as const]
    : ofSeries.map(seriesLabel);
  const { rows, types } = await present(source, readSelectors(matchers), { span, names, signal });
  const sets = new Map<string, { name: string; value: string }[]>();
  for (const { of, labels } of rows) {
    for (const type of types[of]!) {
      const pairs = wanted.length === 0
        ? [...Object.entries(labels), ...PSEUDO_LABELS.flatMap((name) => pair(name, type, labels))]
        : wanted.flatMap((name) => pair(name, type, labels));
      const set = [...new Map(pairs)].map(([name, value]) => ({ name, value }))
        .sort((a, b) => a.name < b.name ? -1 : 1);
      if (set.length > 0) sets.set(JSON.stringify(set), set);
    }
  }
  return { labelsSet: [...sets].sort(([a], [b]) => a < b ? -1 : 1).map(([, labels]) => ({ labels })) };
}

function pair(name: string, type: ProfileType, labels: Readonly<Record<string, string>>): [string, string][] {
  const value = typeLabel(name)?.(type) ?? labels[seriesLabel(name).replace(/^own:/, "")];
  return value === undefined ? [] : [[name, value]];
}

/** Asks for the labels of the series that are chosen; of no names, for all of them, and their service's name. */
async function present(
  source: Source,
  chosen: Chosen,
  { span, names, signal }: { span: Span; names: readonly AnyLabel[]; signal: AbortSignal },
): Promise<SeriesLabelsAnswer & { readonly types: readonly (readonly ProfileType[])[] }> {
  await settled(source, span.to);
  const { selections, types } = await selectionsOf(source, chosen, { span, signal });
  const answer = await explained(() =>
    source.queries.seriesLabels(selections, { names, limit: MAX_SERIES, signal })
  );
  if (names.length > 0) return { ...answer, types };
  const rows = answer.rows.map(({ of, labels }) => ({
    of,
    labels: { [SERVICE_NAME]: serviceName(labels), ...labels },
  }));
  return { ...answer, rows, types };
}

/** Makes the service's name of all labels, as storage makes it: a label of the pod of that name is not it. */
function serviceName({ service, container, exe, comm }: Readonly<Record<string, string>>): string {
  return service || container || exe?.slice(exe.lastIndexOf("/") + 1) || comm || "unknown_service";
}
