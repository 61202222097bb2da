// SPDX-License-Identifier: Apache-2.0
import { Client, credentials, status } from "@grpc/grpc-js";
import { delay } from "@std/async/delay";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { connect, type Settings } from "node:http2";
import type { Batch } from "../../profile/model.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import {
  AggregateRequest,
  AggregateResponse,
  DiffRequest,
  PushResponse,
  QueryRequest,
  QueryResponse,
  QueryStorageRequest,
  QueryStorageResponse,
} from "../../proto/gen/aperture/v1/aperture.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { type CallOptions, pushOnce, RawClient } from "../../tests/support/grpc_client.ts";
import { testWith } from "../../tests/support/needs.ts";
import { smallDisk } from "../../tests/support/small_disk.ts";
import { Access } from "../access/access.ts";
import { TokenSet } from "../access/tokens.ts";
import { type BufferOptions, StagingBuffer } from "../buffer/staging_buffer.ts";
import type { Queries } from "../query/types.ts";
import type { Selection } from "../query/asked.ts";
import { ListenError } from "../../common/net/listener.ts";
import type { Phase, Refusal } from "./push.ts";
import { type IngestOptions, IngestServer } from "./server.ts";

const TOKEN = "secret";
const LOCAL = { hostname: "127.0.0.1", port: 0 };

const NO_COST = { elapsedMs: 1, rowsRead: 0, bytesRead: 0 };

/** Answers with the batch that it was given, and what it was asked. */
class FixedQueries implements Pick<Queries, "stacks" | "aggregate" | "diff"> {
  asked: unknown[] = [];

  constructor(readonly batch: Batch = makeBatch(), readonly failure?: Error) {}

  #ask(...what: unknown[]): void {
    this.asked.push(what);
    if (this.failure) throw this.failure;
  }

  // deno-lint-ignore require-await -- to reject where it fails
  async stacks(selection: Selection, options: { limit?: number } = {}) {
    this.#ask(selection, options.limit);
    return {
      profile: this.batch,
      total: { value: 9, count: 3 },
      other: { value: 1, count: 1 },
      cost: NO_COST,
    };
  }
  // deno-lint-ignore require-await -- as above
  async aggregate(selection: Selection, options: { groupBy?: readonly string[]; limit?: number } = {}) {
    this.#ask(selection, options.groupBy, options.limit);
    const total = { value: 9, count: 3 };
    return {
      rows: [{ group: ["hot"], module: "demo", self: total, total }],
      total,
      other: { value: 0, count: 0 },
      cost: NO_COST,
    };
  }
  // deno-lint-ignore require-await -- as above
  async diff(base: Selection, compare: Selection) {
    this.#ask(base, compare);
    return { rows: [], base: { value: 1, count: 1 }, compare: { value: 2, count: 1 }, cost: NO_COST };
  }
}

class CountedPushes {
  readonly ended = new Map<string, number>();
  events = 0;
  duplicates = 0;
  pushed(name: string) {
    this.ended.set(name, (this.ended.get(name) ?? 0) + 1);
  }
  readonly phases: Phase[] = [];
  spent(phase: Phase) {
    this.phases.push(phase);
  }
  accepted(events: number) {
    this.events += events;
  }
  duplicate() {
    this.duplicates++;
  }
  refusals: Refusal[] = [];
  refused(reason: Refusal) {
    this.refusals.push(reason);
  }
}

async function start(
  { buffer: bufferOptions, queries = new FixedQueries(), ...options }:
    & Omit<Partial<IngestOptions>, "buffer">
    & { buffer?: BufferOptions; queries?: FixedQueries } = {},
) {
  const stack = new AsyncDisposableStack();
  const buffer = stack.use(await StagingBuffer.open(bufferOptions));
  const metrics = new CountedPushes();
  const server = stack.use(
    IngestServer.start({
      buffer,
      queries,
      listen: LOCAL,
      access: new Access({ tokens: TokenSet.single(TOKEN), sleep: () => Promise.resolve() }),
      metrics,
      ...options,
    }),
  );
  const target = `127.0.0.1:${server.address.port}`;
  const client = stack.adopt(new RawClient(target), (client) => client[Symbol.dispose]());
  const push = (bytes: Uint8Array, options?: CallOptions) => client.call(bytes, { token: TOKEN, ...options });
  return {
    buffer,
    queries,
    metrics,
    server,
    target,
    client,
    push,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("Push acknowledges a batch that is staged, byte for byte", async () => {
  await using at = await start();
  const bytes = writeBatch(makeBatch({ samples: 2000, depth: 30 }));
  const answer = await at.push(bytes);
  assertEquals([answer.code, PushResponse.decode(answer.bytes)], [0, {
    backpressure: false,
    duplicate: false,
    capture: undefined,
  }]);
  assertEquals(at.metrics.phases, ["arrive", "check", "stage"]);
  assertEquals((await at.buffer.takeGroup())!.batches.map(({ bytes }) => bytes), [bytes]);
  assertEquals(PushResponse.decode((await at.push(bytes)).bytes).duplicate, true);
  assertEquals([at.buffer.batches, at.metrics.duplicates, [...at.metrics.ended]], [1, 1, [["ok", 2]]]);
  assertEquals(
    at.metrics.events,
    makeBatch({ samples: 2000, depth: 30 }).samples.count.reduce((a, b) => a + b),
  );
});

Deno.test("a client may send several usual messages without being told that more is welcome", async () => {
  await using at = await start();
  const client = connect(`http://${at.target}`);
  const { initialWindowSize } = await new Promise<Settings>((resolve) =>
    client.on("remoteSettings", resolve)
  );
  assertEquals(initialWindowSize, 384 << 10);
  while (client.state.remoteWindowSize !== 1 << 20) await delay(5);
  await new Promise<void>((resolve) => client.close(resolve));
});

Deno.test("Push asks the agents of some nodes to look closer", async () => {
  const asked = { frequency: 499, seconds: 60 };
  await using at = await start({ captures: { of: (node) => node === "node-1" ? asked : undefined } });
  const push = async (node: string, sequence: number) => {
    const answer = await at.push(writeBatch({ ...makeBatch({ sequence }), node }));
    return PushResponse.decode(answer.bytes).capture;
  };
  assertEquals([await push("node-1", 1), await push("node-2", 2)], [asked, undefined]);
});

Deno.test("Push without the token is UNAUTHENTICATED, whatever the method", async () => {
  await using at = await start();
  const bytes = writeBatch(makeBatch());
  for (const token of [undefined, "", "secre", "secret2", "SECRET"]) {
    assertEquals(
      (await at.client.call(bytes, token === undefined ? {} : { token })).code,
      status.UNAUTHENTICATED,
    );
  }
  for (const method of ["Query", "QueryStorage", "Aggregate", "Diff"]) {
    const { code } = await at.client.call(new Uint8Array(), { path: `/aperture.v1.Aggregator/${method}` });
    assertEquals(code, status.UNAUTHENTICATED);
  }
  assertEquals([at.buffer.batches, at.metrics.ended.get("unauthenticated")], [0, 5]);
  assertEquals((await at.push(bytes)).code, status.OK);
});

Deno.test("Push of what is malformed is INVALID_ARGUMENT, and the server goes on", async () => {
  await using at = await start();
  const bytes = writeBatch(makeBatch());
  const refused = async (bytes: Uint8Array) => {
    const { code, details } = await at.push(bytes);
    assertEquals(code, status.INVALID_ARGUMENT);
    return details;
  };
  assertEquals(await refused(new Uint8Array()), "Cannot accept the batch as it is empty");
  assertMatch(await refused(bytes.subarray(0, -1)), /ends in the middle of a field/);
  assertMatch(await refused(new TextEncoder().encode("GET / HTTP/1.1")), /^Cannot /);
  assertMatch(await refused(writeBatch({ ...makeBatch(), sequence: 0 })), /sequence is not from 1/);
  assertMatch(await refused(writeBatch({ ...makeBatch(), node: "" })), /node is empty/);
  assertEquals([at.buffer.batches, (await at.push(bytes)).code], [0, status.OK]);
});

Deno.test("Push of what is too large is RESOURCE_EXHAUSTED, and the server goes on", async () => {
  await using at = await start({ maxMessageBytes: 100_000 });
  const large = await at.push(new Uint8Array(100_001));
  assertEquals(large.code, status.RESOURCE_EXHAUSTED);
  assertMatch(large.details, /larger than max/);
  assertEquals((await at.push(writeBatch(makeBatch()))).code, status.OK);
  assertEquals([...at.metrics.ended.keys()].sort(), ["aborted", "ok"]);
});

Deno.test("Push into a full buffer is RESOURCE_EXHAUSTED until it was flushed", async () => {
  await using at = await start({ buffer: { capacity: 5 } });
  const push = (sequence: number) => at.push(writeBatch(makeBatch({ sequence })));
  const answers = [];
  for (let sequence = 1; sequence <= 5; sequence++) {
    answers.push(PushResponse.decode((await push(sequence)).bytes).backpressure);
  }
  assertEquals(answers, [false, false, false, true, true]);
  const full = await push(6);
  assertEquals([full.code, at.metrics.ended.get("resource_exhausted")], [status.RESOURCE_EXHAUSTED, 1]);
  assertMatch(full.details, /the buffer is full: it holds 5 batches/);
  assertEquals((await push(5)).code, status.OK);
  await at.buffer.complete((await at.buffer.takeGroup())!);
  assertEquals((await push(6)).code, status.OK);
});

Deno.test("Push is UNAVAILABLE, and health NOT_SERVING, when the buffer cannot be written", async () => {
  await using at = await start();
  await at.buffer[Symbol.asyncDispose]();
  assertEquals((await at.push(writeBatch(makeBatch()))).code, status.UNAVAILABLE);
  // NOT_SERVING is 2; health follows within a second or so.
  for (let health = ""; health !== "0802";) {
    const { bytes } = await at.client.call(new Uint8Array(), { path: "/grpc.health.v1.Health/Check" });
    health = Buffer.from(bytes).toString("hex");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

testWith(["root"], "health is SERVING again once there is room for the buffer, without a push", async () => {
  using disk = smallDisk("64m");
  await using at = await start({ buffer: { path: `${disk.path}/staging.kv` } });
  const health = async (wanted: string) => {
    for (let said = ""; said !== wanted; await delay(50)) {
      const { bytes } = await at.client.call(new Uint8Array(), { path: "/grpc.health.v1.Health/Check" });
      said = Buffer.from(bytes).toString("hex");
    }
  };
  await disk.fill();
  const push = (sequence: number) => at.push(writeBatch(makeBatch({ sequence })));
  let sequence = 1;
  while ((await push(sequence)).code === status.OK) sequence++;
  assertEquals((await push(sequence)).code, status.UNAVAILABLE);
  await health("0802");
  await disk.clear();
  await health("0801");
  assertEquals((await push(sequence)).code, status.OK);
});

Deno.test("Query lists what is staged", async () => {
  await using at = await start();
  for (const agentId of ["a", "b", "a"]) {
    const sequence = at.buffer.batches + 1;
    await at.push(writeBatch(makeBatch({ agentId, sequence })));
  }
  const query = async (request: Partial<QueryRequest>) => {
    const bytes = QueryRequest.encode({ agentId: "", limit: 0, ...request }).finish();
    return await at.push(bytes, { path: "/aperture.v1.Aggregator/Query" });
  };
  const { batches, staged } = QueryResponse.decode((await query({ agentId: "a" })).bytes);
  assertEquals([staged, batches.map(({ agentId, sequence }) => [agentId, sequence])], [3n, [["a", 1n], [
    "a",
    3n,
  ]]]);
  const { startNs, endNs, epoch } = makeBatch();
  assertEquals([batches[0]!.startNs, batches[0]!.endNs, batches[0]!.epoch], [startNs, endNs, epoch]);
  assertEquals(QueryResponse.decode((await query({ limit: 1 })).bytes).batches.length, 1);
  assertEquals((await query({ limit: 1001 })).code, status.INVALID_ARGUMENT);
});

const SELECTION = {
  kind: 1,
  fromNs: 1_767_225_600_000_000_001n,
  toNs: 1_767_225_700_000_000_001n,
  match: '{comm!="demo"}',
  includeIdle: true,
  holders: true,
};

Deno.test("QueryStorage and Aggregate ask storage and give what it answers", async () => {
  await using at = await start();
  const storage = QueryStorageRequest.encode({ selection: SELECTION, limit: 0 }).finish();
  const stacks = QueryStorageResponse.decode(
    (await at.push(storage, { path: "/aperture.v1.Aggregator/QueryStorage" })).bytes,
  );
  const { batch } = at.queries;
  assertEquals(stacks.strings, batch.strings);
  assertEquals(stacks.stacks!.depth, [4, 4, 4]);
  assertEquals(stacks.value.map(Number), [...batch.samples.value]);
  assertEquals([stacks.total, stacks.other], [{ value: 9n, count: 3n }, { value: 1n, count: 1n }]);
  const aggregate = AggregateRequest.encode({ selection: SELECTION, groupBy: ["comm", "pid"], limit: 7 })
    .finish();
  const { rows } = AggregateResponse.decode(
    (await at.push(aggregate, { path: "/aperture.v1.Aggregator/Aggregate" })).bytes,
  );
  assertEquals(rows, [{ group: ["hot"], self: { value: 9n, count: 3n }, total: { value: 9n, count: 3n } }]);
  const selection = {
    kind: "cpu",
    from: 1_767_225_600_000,
    to: 1_767_225_700_001,
    matchers: [{ label: "comm", operator: "!=", value: "demo" }],
    idle: true,
    holders: true,
  };
  assertEquals(at.queries.asked, [[selection, 10_000], [selection, ["comm", "pid"], 7]]);
});

Deno.test("Aggregate and Diff refuse what cannot be asked", async () => {
  await using at = await start();
  const refused = async (change: Partial<AggregateRequest>) => {
    const bytes = AggregateRequest.encode({ selection: SELECTION, groupBy: [], limit: 0, ...change })
      .finish();
    const { code, details } = await at.push(bytes, { path: "/aperture.v1.Aggregator/Aggregate" });
    assertEquals(code, status.INVALID_ARGUMENT);
    return details;
  };
  assertEquals(await refused({ selection: undefined }), "Cannot answer as 'selection' is missing");
  assertMatch(await refused({ selection: { ...SELECTION, kind: 0 } }), /'selection.kind' is not known: 0/);
  assertMatch(await refused({ selection: { ...SELECTION, toNs: 1n } }), /from_ns' is not before/);
  assertMatch(
    await refused({ selection: { ...SELECTION, match: '{colour="red"}' } }),
    /'selection.match' is no selector: .* 'colour' is not one of node,/,
  );
  assertMatch(await refused({ groupBy: ["'; DROP TABLE"] }), /'group_by' is not one of function, module,/);
  assertMatch(await refused({ groupBy: ["pid", "pid"] }), /names one twice/);
  assertMatch(await refused({ limit: 10_001 }), /'limit' is more than 10000/);
  const diff = DiffRequest.encode({ base: SELECTION, compare: undefined, limit: 0 }).finish();
  const { details } = await at.push(diff, { path: "/aperture.v1.Aggregator/Diff" });
  assertEquals(details, "Cannot answer as 'compare' is missing");
  assertEquals(at.queries.asked, []);
});

Deno.test("Aggregate is UNAVAILABLE while ClickHouse is down", async () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:8123"), { code: "ECONNREFUSED" });
  await using at = await start({
    queries: new FixedQueries(makeBatch(), new Error("query failed", { cause: refused })),
  });
  const request = AggregateRequest.encode({ selection: SELECTION, groupBy: [], limit: 0 }).finish();
  const { code, details } = await at.push(request, { path: "/aperture.v1.Aggregator/Aggregate" });
  assertEquals([code, details], [status.UNAVAILABLE, "Cannot reach storage: query failed"]);
});

Deno.test("a fault of its own is INTERNAL, and names nothing of its inside", async () => {
  const fault = new Deno.errors.NotFound("open '/var/lib/aperture/data/secret'");
  await using at = await start({ queries: new FixedQueries(makeBatch(), fault) });
  const request = AggregateRequest.encode({ selection: SELECTION, groupBy: [], limit: 0 }).finish();
  const { code, details } = await at.push(request, { path: "/aperture.v1.Aggregator/Aggregate" });
  assertEquals([code, details], [
    status.INTERNAL,
    "Something went wrong here: the aggregator's log says what",
  ]);
});

Deno.test("IngestServer survives many short connections beside a long one", async () => {
  await using at = await start();
  const bytes = (agentId: string, sequence: number) => writeBatch(makeBatch({ agentId, sequence }));
  assertEquals((await at.push(bytes("long", 1))).code, status.OK);
  for (let i = 1; i <= 200; i++) {
    assertEquals((await pushOnce(at.target, bytes("short", i), { token: TOKEN })).code, status.OK);
    if (i % 20 === 0) assertEquals((await at.push(bytes("long", 1 + i))).code, status.OK);
  }
  // And from another process, which ends without ceremony.
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--frozen",
      "--quiet",
      import.meta.resolve("../../tests/support/short_clients.ts"),
      at.target,
      "100",
      TOKEN,
    ],
    stdout: "piped",
  }).output();
  assertEquals([success, new TextDecoder().decode(stdout)], [true, "100\n"]);
  assertEquals((await at.push(bytes("long", 999))).code, status.OK);
  assertEquals(at.buffer.batches, 1 + 200 + 10 + 100 + 1);
});

Deno.test("IngestServer survives a client that made many calls and goes away", async () => {
  await using at = await start();
  for (let round = 0; round < 3; round++) {
    using client = new RawClient(at.target);
    for (let i = 1; i <= 100; i++) {
      const bytes = writeBatch(makeBatch({ agentId: `agent-${round}`, sequence: i }));
      assertEquals((await client.call(bytes, { token: TOKEN })).code, status.OK);
    }
  }
  assertEquals((await at.push(writeBatch(makeBatch()))).code, status.OK);
});

testWith(["python3-grpcio"], "IngestServer answers a client on gRPC's C core", async () => {
  await using at = await start();
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, writeBatch(makeBatch({ samples: 500, depth: 20 })));
    const script = new URL("../../tests/support/grpc_push.py", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command("/usr/bin/python3", {
      args: [script, at.target, TOKEN, path],
      env: { GRPC_VERBOSITY: "NONE" },
    }).output();
    assertEquals(new TextDecoder().decode(stdout).split("\n"), [
      "OK ",
      "OK 1001",
      "UNAUTHENTICATED",
      "INVALID_ARGUMENT",
      "OK",
      "OK 0801",
      "UNIMPLEMENTED",
      "OK 1001",
      "RESOURCE_EXHAUSTED",
      "OK 1001",
      "",
    ], new TextDecoder().decode(stderr));
    assertEquals(at.buffer.batches, 1);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("IngestServer.stop() lets calls finish, refuses new ones, and cuts what is late", async () => {
  await using at = await start();
  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  at.queries.stacks = async () => {
    asked.resolve();
    await gate.promise;
    return {
      profile: makeBatch(),
      total: { value: 0, count: 0 },
      other: { value: 0, count: 0 },
      cost: NO_COST,
    };
  };
  const request = QueryStorageRequest.encode({ selection: SELECTION, limit: 0 }).finish();
  const call = at.push(request, { path: "/aperture.v1.Aggregator/QueryStorage" });
  await asked.promise;
  const stopped = at.server.stop({ deadlineMs: 60_000 });
  assertEquals((await at.push(writeBatch(makeBatch()))).code, status.UNAVAILABLE);
  const health = await at.client.call(new Uint8Array(), { path: "/grpc.health.v1.Health/Check" });
  assertEquals(Buffer.from(health.bytes).toString("hex"), "0802");
  gate.resolve();
  assertEquals((await call).code, status.OK);
  await stopped;

  await using late = await start();
  late.queries.stacks = () => new Promise(() => {});
  const cut = late.push(request, { path: "/aperture.v1.Aggregator/QueryStorage" });
  await late.push(writeBatch(makeBatch()));
  await late.server.stop({ deadlineMs: 50 });
  assertEquals((await cut).code === status.OK, false);
});

Deno.test("IngestServer.start() says that a port is in use", async () => {
  await using at = await start();
  await using buffer = await StagingBuffer.open();
  const listen = { hostname: "127.0.0.1", port: at.server.address.port };
  assertThrows(
    () => IngestServer.start({ buffer, queries: new FixedQueries(), listen }),
    ListenError,
    `Cannot listen on ${at.target}: the port is in use`,
  );
});

testWith(["openssl"], "IngestServer speaks TLS where it is given a certificate", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { success } = await new Deno.Command("openssl", {
      args: [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        ...["-addext", "basicConstraints=critical,CA:FALSE"],
        ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`],
      ],
      stderr: "null",
    }).output();
    assertEquals(success, true);
    const [cert, key] = await Promise.all(
      ["cert", "key"].map((n) => Deno.readTextFile(`${folder}/${n}.pem`)),
    );
    await using at = await start({ tls: { cert: cert!, key: key! } });
    using client = new RawClient(`localhost:${at.server.address.port}`, {
      credentials: credentials.createSsl(Buffer.from(cert!)),
    });
    const answer = await client.call(writeBatch(makeBatch()), { token: TOKEN });
    assertEquals([answer.details, answer.code], ["", status.OK]);
    assertEquals(at.buffer.batches, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("IngestServer tells its services by reflection, without a token", async () => {
  await using at = await start();
  const bytes = await reflect(at.target, [0x3a, 0]);
  assertMatch(new TextDecoder().decode(bytes), /aperture\.v1\.Aggregator/);
  const symbol = new TextEncoder().encode("aperture.v1.Aggregator");
  const file = await reflect(at.target, [0x22, symbol.length, ...symbol]);
  assertMatch(new TextDecoder().decode(file), /aperture\/v1\/aperture\.proto/);
});

/** The first answer to a `ServerReflectionRequest`. */
function reflect(target: string, request: number[]): Promise<Uint8Array> {
  const client = new Client(target, credentials.createInsecure());
  const pass = (value: Uint8Array) => Buffer.from(value);
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const call = client.makeBidiStreamRequest(path, pass, pass);
  return new Promise<Uint8Array>((resolve, reject) => {
    let answer = new Uint8Array();
    call.on("data", (bytes) => answer = bytes);
    call.on("error", reject);
    call.on("end", () => resolve(answer));
    call.write(Uint8Array.from(request));
    call.end();
  }).finally(() => client.close());
}

Deno.test("Push of a time that is not kept is OUT_OF_RANGE, and counted", async () => {
  const now = 1_767_225_600_000;
  await using at = await start({ retentionMs: 86_400_000, clock: () => now });
  const push = async (hours: number, sequence: number) => {
    const endNs = BigInt(now + hours * 3_600_000) * 1_000_000n;
    const batch = { ...makeBatch({ sequence }), startNs: endNs - 1_000_000_000n, endNs };
    return (await at.push(writeBatch(batch))).code;
  };
  assertEquals(await push(-23, 1), status.OK);
  assertEquals(await push(-25, 2), status.OUT_OF_RANGE);
  assertEquals(await push(23, 3), status.OK);
  assertEquals(await push(25, 4), status.OUT_OF_RANGE);
  assertEquals((await at.push(new TextEncoder().encode("junk"))).code, status.INVALID_ARGUMENT);
  assertEquals(at.metrics.refusals, ["expired", "future", "malformed"]);
});
