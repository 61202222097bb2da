// SPDX-License-Identifier: Apache-2.0
/**
 * Answers a selection as one file of pprof.
 *
 * @module
 */

import type { SelectMergeProfileRequest } from "../../../proto/gen/querier/v1/querier_pb.ts";
import type { GoPGO } from "../../../proto/gen/types/v1/types_pb.ts";
import { encodePprof } from "../../../profile/formats/pprof.ts";
import { taggedProfile } from "../../../profile/tagged.ts";
import type { Frame } from "../../../profile/model.ts";
import { ProfileBuilder } from "../../../profile/builder.ts";
import { Encoded } from "../connect/codec.ts";
import type { CallContext } from "../connect/unary.ts";
import { choiceOf, maxNodesOf } from "./flame.ts";
import { explained, selectionOf, settled, type Source, spanOf } from "./source.ts";

/** So many stacks are in a file that nobody bounded; the rest is one stack `other`. */
const MAX_STACKS = 200_000;

/** Answers what was merged, as pprof's own message. */
export async function mergeProfile(
  source: Source,
  request: SelectMergeProfileRequest,
  { signal }: CallContext,
): Promise<Encoded> {
  const span = spanOf(request.start, request.end);
  const { maxNodes, stackTraceSelector, profileIdSelector, traceIdSelector } = request;
  const choice = choiceOf(stackTraceSelector);
  const limit = maxNodes === undefined ? MAX_STACKS : maxNodesOf(maxNodes);
  const found = selectionOf(request.profileTypeID, request.labelSelector, span);
  const time = { startNs: BigInt(span.from) * 1_000_000n, durationNs: (span.to - span.from) * 1e6 };
  if (!found || profileIdSelector.length + traceIdSelector.length > 0) {
    return new Encoded(encodePprof(new ProfileBuilder().build(), { kind: "cpu", ...time }));
  }
  await settled(source, span.to);
  const { selection, type } = found;
  const answer = await explained(() =>
    source.queries.taggedStacks(selection, { limit, ...(choice && { choice }), signal })
  );
  const { goPgo } = stackTraceSelector ?? {};
  // Those who ask for one type want no labels, which would only keep equal stacks apart.
  const stacks = answer.stacks.map((stack) => ({ ...stack, tags: {} }));
  const profile = taggedProfile({ ...answer, stacks }, selection.kind, {
    ...(goPgo && { shape: (frames: readonly Frame[]) => pgoFrames(frames, goPgo) }),
  });
  return new Encoded(
    encodePprof(profile, { kind: selection.kind, ...time, values: [type.value], inlinedInLocation: true }),
  );
}

/** Keeps the locations that are nearest to the leaf, and forgets where in its function a callee was. */
function pgoFrames(frames: readonly Frame[], { keepLocations, aggregateCallees }: GoPGO): readonly Frame[] {
  let kept = frames;
  if (keepLocations > 0) {
    let locations = 0;
    const end = frames.findIndex(({ inlined }) => !inlined && ++locations === keepLocations);
    kept = end < 0 ? frames : frames.slice(0, end + 1);
  }
  return aggregateCallees ? kept.map((frame, i) => i === 0 ? { ...frame, line: 0 } : frame) : kept;
}
