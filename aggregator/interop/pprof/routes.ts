// SPDX-License-Identifier: Apache-2.0
/**
 * Answers what `go tool pprof` and scrapers fetch, at the addresses that Go's own programs have.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { pprofBytes } from "../../../profile/formats/pprof.ts";
import { taggedProfile, type TaggedStack } from "../../../profile/tagged.ts";
import { HttpError } from "../../http/errors.ts";
import type { Problem } from "../../http/problem.ts";
import type { Reply } from "../../http/reply.ts";
import { SERVICE_NAME } from "../../query/matchers.ts";
import type { Selection } from "../../query/asked.ts";
import { matchersParams, spanParams } from "../export.ts";
import type { ForeignContext, ForeignRoute } from "../foreign.ts";
import { buckets, explained, settled, type Source } from "../querier/source.ts";

interface GoProfile {
  readonly of: Pick<Selection, "kind" | "holders">;
  readonly help: string;
}

/** Holds what is at `/debug/pprof/NAME`. */
const PROFILES: Readonly<Record<string, GoProfile>> = {
  profile: { of: { kind: "cpu" }, help: "time on CPUs" },
  block: {
    of: { kind: "lock" },
    help: "waits for locks, by who waited; tags lock_class, lock_type, outcome, holder",
  },
  mutex: { of: { kind: "lock", holders: true }, help: "waits for locks, by who held; tags as above, waiter" },
  syscall: { of: { kind: "syscall" }, help: "time in system calls; tag syscall" },
};

const DEFAULT_SECONDS = 30;
const MAX_STACKS = 200_000;

/** Samples keep these labels; threads' names are `thread` in the file. */
const TAGS = ["node", "namespace", "pod", "container", SERVICE_NAME, "process", "exe", "comm"] as const;

const OPTIONS = { method: "GET", scope: "read", maxBytes: 0, timeoutMs: 60_000, tell: tellPprof } as const;

/** Makes the routes. */
export function pprofRoutes(source: Source): ForeignRoute[] {
  return [
    ...Object.entries(PROFILES).map(([name, profile]): ForeignRoute => ({
      ...OPTIONS,
      turn: "export",
      path: `/debug/pprof/${name}`,
      handle: (context) => goProfile(source, profile, context),
    })),
    { ...OPTIONS, path: "/debug/pprof/", handle: index },
    {
      ...OPTIONS,
      path: "/debug/pprof/NAME",
      paths: /^\/debug\/pprof\/\w+$/,
      handle({ url }) {
        const message = `No such profile: ${url.pathname}, there are ${Object.keys(PROFILES).join(", ")}`;
        return tellPprof({ status: STATUS_CODE.NotFound, code: "not_found", message });
      },
    },
  ];
}

async function goProfile(
  source: Source,
  { of }: GoProfile,
  { url: { searchParams: params }, signal }: ForeignContext,
): Promise<Reply> {
  if (!["0", null].includes(params.get("debug"))) {
    throw new HttpError(
      STATUS_CODE.BadRequest,
      "Cannot answer as text: leave 'debug' out for the file of pprof",
    );
  }
  const span = buckets(spanParams(params, source.now(), DEFAULT_SECONDS));
  const matchers = matchersParams(params);
  await settled(source, span.to);
  const answer = await explained(() =>
    source.queries.taggedStacks({ ...of, ...span, matchers }, { labels: TAGS, limit: MAX_STACKS, signal })
  );
  const program = programOf(answer.stacks);
  const body = await pprofBytes(taggedProfile(answer, of.kind), {
    kind: of.kind,
    startNs: BigInt(span.from) * 1_000_000n,
    durationNs: (span.to - span.from) * 1e6,
    ...(program !== undefined && { program }),
    ...(of.kind === "cpu" && { periodNs: periodOf(answer.total) }),
    inlinedInLocation: params.get("inline") === "location",
  });
  return { headers: { "content-type": "application/octet-stream" }, body };
}

/** Returns the program that has most of it. */
function programOf(stacks: readonly TaggedStack[]): string | undefined {
  const totals = new Map<string, number>();
  for (const { tags: { exe }, total } of stacks) {
    if (exe !== undefined) totals.set(exe, (totals.get(exe) ?? 0) + total.value);
  }
  let most: [string, number] | undefined;
  for (const each of totals) if (!most || each[1] > most[1]) most = each;
  return most?.[0];
}

/** Returns what a sample stands for, in ns: agents of one fleet sample alike. */
function periodOf({ value, count }: { value: number; count: number }): number {
  return count > 0 ? Math.round(value / count) : 0;
}

function index(): Reply {
  const lines = Object.entries(PROFILES).map(([name, { help }]) => `/debug/pprof/${name.padEnd(8)} ${help}`);
  const body = [
    ...lines,
    "",
    "seconds=N: the last N seconds of which all is there; or from=, to= (now, -15m, 2026-01-31T12:00:00Z)",
    "service=, pod=, node=, …: only series with this label; match={…}: only those of a selector",
    "inline=location: functions that are inlined are lines of one location",
    "",
  ].join("\n");
  return { headers: { "content-type": "text/plain; charset=utf-8" }, body };
}

/** Answers a problem as text, with the header without which `go tool pprof` shows its status alone. */
function tellPprof({ status, message, headers = {} }: Problem): Reply {
  return {
    status,
    headers: { ...headers, "content-type": "text/plain; charset=utf-8", "x-go-pprof": "1" },
    body: `${message}\n`,
  };
}
