// SPDX-License-Identifier: Apache-2.0
/**
 * Answers probes, metrics and the state of what was pushed.
 *
 * @module
 */

import { metricsText } from "../../common/metrics.ts";
import { STATUS_CODE } from "@std/http/status";
import type { StoredBatch } from "../query/store_answers.ts";
import type {
  BatchesJson,
  HealthJson,
  ProblemJson,
  QuarantineJson,
  ReadinessJson,
  StagedBatchJson,
  StoredBatchJson,
} from "./answers.ts";
import { limitParam, readParams, stateParam, textParam } from "./params.ts";
import { json, type Reply } from "./reply.ts";
import type { Context, Route } from "./route.ts";
import { formatTime } from "./time.ts";
import type { HandlerOptions, Health, QuarantinedBatch, StagedBatches } from "./types.ts";

/** Makes the routes that answer while storage is down. */
export function statusRoutes(options: HandlerOptions): Route[] {
  const { metrics, now = Date.now } = options;
  const started = now();
  return [
    { method: "GET", path: "/healthz", access: "open", handle: () => plain("ok\n") },
    { method: "GET", path: "/readyz", access: "open", handle: () => readiness(options) },
    {
      method: "GET",
      path: "/metrics",
      access: "open",
      handle: async ({ request }) => {
        const { type, body } = await metricsText(metrics, request.headers.get("accept"));
        return { headers: { "content-type": type, vary: "accept" }, body };
      },
    },
    {
      method: "GET",
      path: "/api/health",
      access: "open",
      handle: async () => json(healthBody(await options.health(), { ...options, uptime: now() - started })),
    },
    { method: "GET", path: "/api/batches", access: "token", handle: (context) => batches(context, options) },
  ];
}

/** Returns what is wrong. While storage is away batches are staged: only the buffer's problems make it not ready. */
export function problemsOf({ buffer, storage }: Health): ProblemJson[] {
  const full = buffer.batches >= buffer.capacityBatches
    ? `Full: ${buffer.batches} of ${buffer.capacityBatches} batches`
    : buffer.bytes >= buffer.capacityBytes
    ? `Full: ${buffer.bytes} of ${buffer.capacityBytes} bytes`
    : undefined;
  const problems: ProblemJson[] = [];
  const message = buffer.problem ?? full;
  if (message !== undefined) problems.push({ part: "buffer", message: withoutPaths(message) });
  const failing = storage.failing &&
    `It takes no batches since ${formatTime(storage.failing.sinceMs)}: ${storage.failing.error}`;
  const trouble = failing ?? storage.problem;
  if (trouble !== undefined) problems.push({ part: "storage", message: withoutPaths(trouble) });
  return problems;
}

/** Takes out where files are: anybody may ask, and the log has it. */
function withoutPaths(text: string): string {
  return text.replaceAll(/(?<![\w.:\/-])(?:\/[\w.@%+~-]+){2,}\/?/g, "(a file)");
}

async function readiness({ health }: HandlerOptions): Promise<Reply> {
  const problems = problemsOf(await health());
  const ready = problems.every(({ part }) => part !== "buffer");
  const body: ReadinessJson = { status: ready ? "ready" : "not_ready", problems };
  return json(body, ready ? STATUS_CODE.OK : STATUS_CODE.ServiceUnavailable);
}

function healthBody(health: Health, { version, uptime }: { version: string; uptime: number }): HealthJson {
  const { buffer, storage } = health;
  return {
    status: problemsOf(health).length === 0 ? "ok" : "degraded",
    version,
    uptime_seconds: Math.floor(uptime / 1000),
    push_total_ok: health.pushOk,
    push_total_error: health.pushError,
    buffer: {
      batches: buffer.batches,
      bytes: buffer.bytes,
      capacity_batches: buffer.capacityBatches,
      capacity_bytes: buffer.capacityBytes,
      quarantined_batches: buffer.quarantined,
    },
    storage: {
      mode: storage.mode,
      pending_rows: storage.pendingRows,
      failing_since: storage.failing ? formatTime(storage.failing.sinceMs) : null,
      failing_error: storage.failing ? withoutPaths(storage.failing.error) : null,
    },
    problems: problemsOf(health),
  };
}

async function batches(
  { url, signal }: Context,
  { queries, staged, quarantined = () => [] }: HandlerOptions,
): Promise<Reply> {
  const { agent_id, limit, state } = readParams(url, {
    agent_id: textParam,
    limit: limitParam(100, 1000),
    state: stateParam,
  });
  if (state === "quarantined") {
    const refused = quarantined().filter(({ head }) => agent_id === undefined || head.agentId === agent_id);
    const newest = refused.slice(-limit).toReversed();
    return json({ quarantined: newest.map(quarantinedBody) } satisfies QuarantineJson);
  }
  const which = { limit, signal, ...(agent_id === undefined ? {} : { agentId: agent_id }) };
  const [waiting, stored] = await Promise.all([staged(which), queries.batches(which)]);
  return json(
    {
      staged_total: waiting.staged,
      staged: waiting.batches.map(stagedBody),
      stored: stored.map(storedBody),
    } satisfies BatchesJson,
  );
}

function quarantinedBody(
  { head, error, sinceMs, version }: QuarantinedBatch,
): QuarantineJson["quarantined"][number] {
  return { ...stagedBody(head), error, since: formatTime(sinceMs), version };
}

function stagedBody(head: StagedBatches["batches"][number]): StagedBatchJson {
  return {
    agent_id: head.agentId,
    epoch: String(head.epoch),
    sequence: head.sequence,
    node: head.node,
    start: formatTime(Number(head.startNs / 1_000_000n)),
    end: formatTime(Number(head.endNs / 1_000_000n)),
    received: formatTime(head.receivedMs),
    samples: head.samples,
    size_bytes: head.size,
  };
}

function storedBody(batch: StoredBatch): StoredBatchJson {
  return {
    agent_id: batch.agentId,
    epoch: batch.epoch,
    sequence: batch.sequence,
    node: batch.node,
    start: formatTime(batch.start),
    end: formatTime(batch.end),
    samples: batch.samples,
    losses: batch.losses,
    stack_ends: batch.stackEnds,
  };
}

function plain(body: string): Reply {
  return { headers: { "content-type": "text/plain; charset=utf-8" }, body };
}
