// SPDX-License-Identifier: Apache-2.0
/**
 * Gives profiles to compilers, and says which share of the samples they can use.
 *
 * @module
 */

import * as v from "valibot";
import { oneOf } from "../../common/settings.ts";
import { addressHistogram } from "../../profile/formats/address_histogram.ts";
import { chainsOf, hasPlace } from "../../profile/formats/call_sites.ts";
import { llvmProfile } from "../../profile/formats/llvm_profile.ts";
import { pprofBytes } from "../../profile/formats/pprof.ts";
import { taggedProfile } from "../../profile/tagged.ts";
import { NO_TOTAL } from "../query/totals.ts";
import type { TaggedStacksAnswer } from "../query/stack_answers.ts";
import { limitParam, readSelectionOf } from "./params.ts";
import type { Reply } from "./reply.ts";
import { type Context, getRoute, type Handler, type Route } from "./route.ts";
import type { HandlerOptions } from "./types.ts";

const LIMIT = limitParam(200_000, 1_000_000);

/** Makes the routes. */
export function compilerRoutes(options: HandlerOptions): Route[] {
  const get = (path: string, handle: Handler): Route => ({
    ...getRoute(path, options, handle),
    turn: "export",
  });
  return [get("/api/export/pgo", pgo), get("/api/export/autofdo", autofdo)];
}

async function pgo({ url, signal }: Context, { queries, now = Date.now }: HandlerOptions): Promise<Reply> {
  const { selection, params } = readSelectionOf(
    "cpu",
    url,
    { format: { schema: oneOf(["go", "llvm"]), default: "go" }, limit: LIMIT },
    now(),
  );
  const answer = await queries.taggedStacks(selection, { limit: params.limit, signal });
  if (params.format === "llvm") {
    const { text, used, total } = llvmProfile(counted(answer));
    return textReply(text, { used, total: total + answer.other.count, name: "aperture-pgo.prof" });
  }
  const stacks = answer.stacks.map(({ frames, total }) => ({
    frames: chainsOf(frames).flat(),
    tags: {},
    total,
  })).filter(({ frames: [leaf] }) => leaf !== undefined && hasPlace(leaf));
  const used = stacks.reduce((sum, { total }) => sum + total.count, 0);
  const body = await pprofBytes(taggedProfile({ stacks, other: NO_TOTAL }, "cpu"), {
    kind: "cpu",
    inlinedInLocation: true,
    startNs: BigInt(selection.from) * 1_000_000n,
    durationNs: (selection.to - selection.from) * 1e6,
    periodNs: answer.total.count > 0 ? Math.round(answer.total.value / answer.total.count) : 0,
  });
  const share = shareHeader(used, answer.total.count);
  return {
    headers: {
      ...share,
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="default.pgo"`,
    },
    body,
  };
}

async function autofdo(
  { url, signal }: Context,
  { queries, now = Date.now }: HandlerOptions,
): Promise<Reply> {
  const buildId = v.pipe(v.string(), v.regex(/^[0-9a-f]{2,128}$/i, "a build id in hexadecimal digits"));
  const { selection, params } = readSelectionOf(
    "cpu",
    url,
    { build_id: { schema: buildId, default: "00" }, limit: LIMIT },
    now(),
  );
  const answer = await queries.taggedStacks(selection, { limit: params.limit, signal });
  const { text, used, total } = addressHistogram(counted(answer), params.build_id.toLowerCase());
  return textReply(text, { used, total, name: "aperture-autofdo.txt" });
}

function counted({ stacks }: TaggedStacksAnswer) {
  return stacks.map(({ frames, total }) => ({ frames, count: total.count }));
}

function textReply(
  body: string,
  { used, total, name }: { used: number; total: number; name: string },
): Reply {
  return {
    headers: {
      ...shareHeader(used, total),
      "content-type": "text/plain; charset=utf-8",
      "content-disposition": `attachment; filename="${name}"`,
    },
    body,
  };
}

/** Says how many of the samples are in the file. */
function shareHeader(used: number, total: number): Record<string, string> {
  return { "aperture-samples": `${used} of ${total}` };
}
