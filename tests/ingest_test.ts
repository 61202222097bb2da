// SPDX-License-Identifier: Apache-2.0
/**
 * The agent's client and the aggregator's server with each other.
 */

import { status } from "@grpc/grpc-js";
import { assertEquals, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { PushClient, type PushClientOptions, PushError } from "../agent/push/client.ts";
import { StagingBuffer } from "../aggregator/buffer/staging_buffer.ts";
import { type IngestOptions, IngestServer } from "../aggregator/ingest/server.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { QueryStorageRequest } from "../proto/gen/aperture/v1/aperture.ts";
import { makeBatch } from "./support/batches.ts";
import { fleet } from "./support/fleet.ts";
import { FleetQueries } from "./support/fleet_queries.ts";
import { pushOnce } from "./support/grpc_client.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { selfSigned } from "./support/tls.ts";

const LISTEN = { hostname: "127.0.0.1", port: 0 };

async function start(options: Partial<IngestOptions> = {}) {
  const stack = new AsyncDisposableStack();
  const buffer = stack.use(await StagingBuffer.open());
  const queries = new FleetQueries(fleet());
  const server = stack.use(IngestServer.start({ buffer, queries, listen: LISTEN, ...options }));
  let sequence = 0;
  const push = async (options: Omit<PushClientOptions, "url">, scheme = "http") => {
    using client = new PushClient({
      url: new URL(`${scheme}://localhost:${server.address.port}`),
      ...options,
    });
    const request = writeBatch(makeBatch({ sequence: ++sequence }));
    return await client.push(request, { signal: new AbortController().signal });
  };
  return { buffer, queries, server, push, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("a call waits unread for its turn, and is told when to come back where there are too many", async () => {
  await using at = await start({ calls: { atOnce: 1, waiting: 1, waitMs: 60_000 } });
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { stacks } = at.queries;
  at.queries.stacks = async function (...question: Parameters<typeof stacks>) {
    asked.resolve();
    await gate.promise;
    return await stacks.apply(at.queries, question);
  } as typeof stacks;
  const selection = {
    kind: 1,
    fromNs: 1_767_225_600_000_000_000n,
    toNs: 1_767_229_200_000_000_000n,
  };
  const request = QueryStorageRequest.encode(QueryStorageRequest.fromPartial({ selection })).finish();
  const target = `127.0.0.1:${at.server.address.port}`;
  const running = pushOnce(target, request, { path: "/aperture.v1.Aggregator/QueryStorage" });
  await Promise.race([asked.promise, running.then(({ details }) => Promise.reject(new Error(details)))]);
  const waiting = at.push({});
  while (at.server.admission.waiting === 0) await delay(1);
  const refused = await assertRejects(() => at.push({}), PushError);
  assertEquals(refused.code, status.RESOURCE_EXHAUSTED);
  assertGreaterOrEqual(refused.retryMs!, 30_000);
  gate.resolve();
  assertEquals([(await running).code, (await waiting).duplicate], [0, false]);
  assertEquals([at.server.admission.running, at.server.admission.waiting], [0, 0]);
});

testWith(["openssl"], "an agent shows the certificate that the aggregator asks for", async () => {
  using folder = new TempFolder();
  const [server, agent, other] = ["server", "agent", "other"].map((name) => {
    return selfSigned(folder.path, "127.0.0.1", name);
  });
  await using at = await start({ tls: { ...server!, clientCa: agent!.ca } });
  const options = { ca: server!.ca, deadlineMs: 3000 };
  await at.push({ ...options, certificate: agent }, "https");
  for (const certificate of [other, undefined]) {
    await assertRejects(() => at.push({ ...options, certificate }, "https"), PushError);
  }
  assertEquals(at.buffer.batches, 1);
  // grpc-js keeps the timer of a connection that failed.
}, { sanitizeOps: false, sanitizeResources: false });
