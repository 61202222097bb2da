// SPDX-License-Identifier: Apache-2.0
/**
 * The agent's client and the aggregator's server with each other.
 */

import { status } from "@grpc/grpc-js";
import { assertEquals, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { connect, constants } from "node:http2";
import { PushClient, type PushClientOptions, PushError } from "../agent/push/client.ts";
import { BufferFullError } from "../aggregator/buffer/held.ts";
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
  // By its address, which is one only: a client that may try several goes on with its timers when one has answered.
  const push = async (options: Omit<PushClientOptions, "url">, origin = "http://127.0.0.1") => {
    using client = new PushClient({
      url: new URL(`${origin}:${server.address.port}`),
      ...options,
    });
    const request = writeBatch(makeBatch({ sequence: ++sequence }));
    return await client.push(request, { signal: new AbortController().signal });
  };
  return { buffer, queries, server, push, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const QUERY_STORAGE = "/aperture.v1.Aggregator/QueryStorage";

/** Returns the message of a question that is answered. */
function question(): Uint8Array {
  const selection = { kind: 1, fromNs: 1_767_225_600_000_000_000n, toNs: 1_767_229_200_000_000_000n };
  return QueryStorageRequest.encode(QueryStorageRequest.fromPartial({ selection })).finish();
}

Deno.test("a push waits unread for its turn, and is told when to come back where there are too many", async () => {
  await using at = await start({ calls: { atOnce: 1, waiting: 1, waitMs: 60_000 } });
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const stage = at.buffer.stage.bind(at.buffer);
  at.buffer.stage = async (...batch) => {
    asked.resolve();
    await gate.promise;
    return await stage(...batch);
  };
  const running = at.push({});
  await asked.promise;
  const waiting = at.push({});
  while (at.server.pushes.waiting === 0) await delay(1);
  const refused = await assertRejects(() => at.push({}), PushError);
  assertEquals(refused.code, status.RESOURCE_EXHAUSTED);
  assertGreaterOrEqual(refused.retryMs!, 30_000);
  gate.resolve();
  assertEquals([(await running).duplicate, (await waiting).duplicate], [false, false]);
  assertEquals([at.server.pushes.running, at.server.pushes.waiting], [0, 0]);
});

Deno.test("an agent whose batch finds the buffer full is told when to come back", async () => {
  await using at = await start();
  at.buffer.stage = () => Promise.reject(new BufferFullError("it is full"));
  const refused = await assertRejects(() => at.push({}), PushError);
  assertEquals(refused.code, status.RESOURCE_EXHAUSTED);
  assertGreaterOrEqual(refused.retryMs!, 5000);
});

Deno.test("questions that nobody answers for long keep no push out, and wait for each other", async () => {
  await using at = await start({ calls: { atOnce: 1 } });
  const gate = Promise.withResolvers<void>();
  const { stacks } = at.queries;
  at.queries.stacks = async function (...asked: Parameters<typeof stacks>) {
    await gate.promise;
    return await stacks.apply(at.queries, asked);
  } as typeof stacks;
  const target = `127.0.0.1:${at.server.address.port}`;
  const answers = Array.from({ length: 9 }, () => pushOnce(target, question(), { path: QUERY_STORAGE }));
  while (at.server.questions.waiting === 0) await delay(1);
  assertEquals([at.server.questions.running, (await at.push({})).duplicate], [8, false]);
  gate.resolve();
  assertEquals((await Promise.all(answers)).map(({ code }) => code), Array(9).fill(status.OK));
  while (at.server.questions.running > 0) await delay(1);
});

/** Calls by HTTP/2 alone, which need not take what it is answered; resolves with the code that ended the stream. */
async function callBare(
  port: number,
  { path, message, initialWindowSize }: { path: string; message?: Uint8Array; initialWindowSize: number },
): Promise<number> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize } });
  try {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request(headers);
    const ended = Promise.withResolvers<number>();
    stream.on("error", () => {});
    stream.on("close", () => ended.resolve(stream.rstCode));
    stream.resume();
    if (message) {
      const frame = new Uint8Array(5 + message.length);
      new DataView(frame.buffer).setUint32(1, message.length);
      frame.set(message, 5);
      stream.end(frame);
    }
    return await ended.promise;
  } finally {
    session.destroy();
  }
}

Deno.test("a call is ended whose client does not take the answer, or does not send its message", async () => {
  await using at = await start({ slowCalls: { messageMs: 300, takeMs: 300 } });
  const { port } = at.server.address;
  const call = { path: QUERY_STORAGE, message: question(), initialWindowSize: 0 };
  const untaken = callBare(port, call);
  // It has its turn for as long.
  while (at.server.questions.running === 0) await delay(1);
  assertEquals(await untaken, constants.NGHTTP2_CANCEL);
  while (at.server.questions.running > 0) await delay(1);
  assertEquals(await callBare(port, { ...call, initialWindowSize: 65_535 }), constants.NGHTTP2_NO_ERROR);
  const half = { path: "/grpc.health.v1.Health/Check", initialWindowSize: 65_535 };
  assertEquals(await callBare(port, half), constants.NGHTTP2_CANCEL);
  assertEquals(at.server.questions.running, 0);
});

testWith(["openssl"], "an agent shows the certificate that the aggregator asks for", async () => {
  using folder = new TempFolder();
  const [server, agent, other] = ["server", "agent", "other"].map((name) => {
    return selfSigned(folder.path, "127.0.0.1", name);
  });
  await using at = await start({ tls: { ...server!, clientCa: agent!.ca } });
  const options = { ca: server!.ca, deadlineMs: 3000 };
  await at.push({ ...options, certificate: agent }, "https://localhost");
  for (const certificate of [other, undefined]) {
    await assertRejects(() => at.push({ ...options, certificate }, "https://localhost"), PushError);
  }
  assertEquals(at.buffer.batches, 1);
  // grpc-js keeps the timer of a connection that failed.
}, { sanitizeOps: false, sanitizeResources: false });
