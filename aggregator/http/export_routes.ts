// SPDX-License-Identifier: Apache-2.0
/**
 * Gives profiles as files, for other tools.
 *
 * @module
 */

import { OTHER } from "../../profile/flame.ts";
import { DEFAULT_LEVELS } from "../../profile/first_levels.ts";
import { foldedStacks } from "../../profile/formats/folded.ts";
import { profileJson } from "../../profile/formats/json.ts";
import { pprofBytes } from "../../profile/formats/pprof.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import type { Profile, Total } from "../../profile/model.ts";
import type { AnyKind } from "../../profile/profile_type.ts";
import { taggedProfile } from "../../profile/tagged.ts";
import type { Selection } from "../query/asked.ts";
import { holdersParam, limitParam, readSelection, unitParam } from "./params.ts";
import type { Reply } from "./reply.ts";
import type { Route } from "./route.ts";
import { formatTime } from "./time.ts";
import type { HandlerOptions } from "./types.ts";

/** So many stacks are exported; the rest is one stack `other`, so that totals hold. */
const EXPORT_LIMIT = limitParam(200_000, 1_000_000);
const EXPORT_PARAMS = { unit: unitParam, limit: EXPORT_LIMIT, holders: holdersParam } as const;

interface Format {
  readonly name: string;
  readonly extension: string;
  readonly type: string;
  /** It has labels: what was waited for and called is among them. @default {false} */
  readonly hasLabels?: boolean;
  readonly write: (
    profile: Profile,
    selection: Selection,
    unit: "value" | "count",
  ) => string | Promise<Uint8Array<ArrayBuffer>>;
}

const FORMATS: readonly Format[] = [
  {
    name: "collapsed",
    extension: "folded",
    type: "text/plain; charset=utf-8",
    write: (profile, { kind }, value) => foldedStacks(profile, { kind, value }),
  },
  {
    name: "pprof",
    extension: "pb.gz",
    type: "application/octet-stream",
    hasLabels: true,
    write: (profile, { kind, from, to }) => pprofBytes(profile, { kind, ...span({ from, to }) }),
  },
  {
    name: "json",
    extension: "json",
    type: "application/json",
    write: (profile, selection) => profileJson(profile, span(selection)),
  },
];

/** Returns a selection's time in the units of the formats. */
function span({ from, to }: { from: number; to: number }) {
  return { startNs: BigInt(from) * 1_000_000n, durationNs: (to - from) * 1e6 };
}

/** Makes one route for each format. */
export function exportRoutes({ queries, now = Date.now }: HandlerOptions): Route[] {
  return FORMATS.map((format) => ({
    method: "GET",
    path: `/api/export/${format.name}`,
    access: "token",
    turn: "export",
    async handle({ url, signal }): Promise<Reply> {
      const { selection: read, params } = readSelection(url, EXPORT_PARAMS, now());
      const selection = { ...read, holders: params.holders };
      const profile = await profileOf(queries, selection, { format, limit: params.limit, signal });
      const unit = params.unit === "count" ? "count" : "value";
      const moment = formatTime(selection.to).replace(/\.\d+|[:-]/g, "");
      const name = `aperture-${selection.kind.replaceAll(":", "_")}-${moment}.${format.extension}`;
      return {
        headers: { "content-type": format.type, "content-disposition": `attachment; filename="${name}"` },
        body: await format.write(profile, selection, unit),
      };
    },
  }));
}

async function profileOf(
  queries: HandlerOptions["queries"],
  selection: Selection,
  { format: { hasLabels }, ...options }: { format: Format; limit: number; signal: AbortSignal },
): Promise<Profile> {
  if (hasLabels) {
    const answer = await queries.taggedStacks(selection, { ...options, labels: DEFAULT_LEVELS });
    return taggedProfile(answer, selection.kind);
  }
  const { profile, other } = await queries.stacks(selection, options);
  return withOther(profile, other, selection.kind);
}

/** Returns `profile` with what was cut from it as a stack of one frame. */
export function withOther(profile: Profile, other: Total, kind: AnyKind): Profile {
  if (other.value === 0 && other.count === 0) return profile;
  const builder = new ProfileBuilder();
  builder.merge(profile);
  const frame = builder.frame({ function: OTHER, module: "", file: "", line: 0, buildId: "", address: 0 });
  builder.add(kind, builder.series({ process: OTHER }), builder.stack([frame]), other.value, other.count);
  return builder.build();
}
