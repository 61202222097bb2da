// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { gunzipSync } from "node:zlib";
import { ProfileBuilder } from "../../../profile/builder.ts";
import { type Batch, type Frame, frameAt, type Kind, OUTCOME_NUMBER, RANK } from "../../../profile/model.ts";
import { OtlpExporter } from "../../../profile/otlp/exporter.ts";
import { openTransport, type OtlpTarget } from "../../../profile/otlp/transport.ts";
import { writeOtlp } from "../../../profile/otlp/write_otlp.ts";
import { readBatch } from "../../../profile/wire/read_batch.ts";
import { writeBatch } from "../../../profile/wire/write_batch.ts";
import { makeBatch } from "../../../tests/support/batches.ts";
import { FleetQueries } from "../../../tests/support/fleet_queries.ts";
import { linesOf, startIntake } from "../../../tests/support/foreign.ts";
import { type Fixture, readOtlp } from "../../../tests/support/otlp.ts";
import { batchArbitrary } from "../../../tests/support/random_batches.ts";
import { IngestServer } from "../../ingest/server.ts";
import { Windows } from "../intake/windows.ts";
import { readProto } from "./read_proto.ts";
import { takeOtlp } from "./take_otlp.ts";

const HEAP = "space:inuse_space:bytes:space:bytes";

/** Returns what comes back of `batch` by its own way in. */
function returned(batch: Batch): Batch[] {
  const bytes = writeOtlp(batch);
  if (!bytes) return [];
  const windows = new Windows();
  const taken = takeOtlp(readProto(bytes, "1.10"), windows, { nowNs: 0n, address: "" });
  assertEquals([taken.rejected, taken.message], [0, ""]);
  return windows.finish().map(({ profile, ...window }) => ({ ...batch, ...profile, ...window }));
}

/** Says how samples come back: waits and calls as types of their own, as others know no better. */
function expected(batch: Batch): string[] {
  const to = new ProfileBuilder();
  to.merge({ ...batch, samples: { ...batch.samples, kind: batch.samples.kind.map((kind) => kind) } });
  const whole = to.build();
  const own = new ProfileBuilder();
  const frames = Array.from(
    whole.frames.line,
    (_, row) => own.frame({ ...frameOf(whole, row), inlined: false }),
  );
  const stackOf = (row: number) =>
    own.stack(
      Array.from(whole.stacks.frame.subarray(whole.stacks.offset[row], whole.stacks.offset[row + 1]), (f) =>
        frames[f]!),
    );
  const seriesOf = (row: number) => own.series({ service: whole.strings[whole.series.service[row]!]! });
  const add = (
    kind: Kind | `${string}:${string}:${string}:${string}:${string}`,
    series: number,
    stack: number,
    value: number,
    count: number,
  ) => {
    if (value > 0) own.add(kind, seriesOf(series), stackOf(stack), value, count);
  };
  const { samples, locks, foreign } = whole;
  for (let i = 0; i < samples.kind.length; i++) {
    const [series, stack, value, count] = [
      samples.series[i]!,
      samples.stack[i]!,
      samples.value[i]!,
      samples.count[i]!,
    ];
    if (samples.kind[i] === 1) add("cpu", series, stack, value, 0);
    else {
      add("syscall:latency:nanoseconds:syscall:count", series, stack, value, 0);
      add("syscall:calls:count:syscall:count", series, stack, count, 0);
    }
  }
  for (let i = 0; i < locks.outcome.length; i++) {
    const woken = locks.outcome[i] === OUTCOME_NUMBER.woken;
    if (!woken && locks.outcome[i] !== OUTCOME_NUMBER.open) continue;
    const sides = [["block", locks.series[i]!, locks.stack[i]!], [
      "mutex",
      locks.holderSeries[i]! - 1,
      locks.holderStack[i]! - 1,
    ]] as const;
    for (const [name, series, stack] of sides) {
      if (series < 0) continue;
      add(`${name}:delay:nanoseconds:${name}:count`, series, stack, locks.delay[i]!, 0);
      add(`${name}:contentions:count:${name}:count`, series, stack, woken ? locks.count[i]! : 0, 0);
    }
  }
  for (let i = 0; foreign && i < foreign.type.length; i++) {
    add(HEAP, foreign.series[i]!, foreign.stack[i]!, foreign.value[i]!, 0);
  }
  return valuesOf([{ ...batch, ...own.build() }]);
}

const frameOf = (batch: Pick<Batch, "frames" | "strings">, row: number) => ({
  function: nameOf(frameAt(batch, row)),
  ...{ module: "", file: "", line: 0, buildId: "", address: 0 },
});

/** Says how a function comes back: one that is called after its address, after its file and that. */
function nameOf({ function: name, module, buildId, rank, inlined, address }: Required<Frame>): string {
  const isBare = rank === RANK.none && buildId !== "" && !module.startsWith("[") && !inlined;
  return isBare
    ? `${module.slice(module.lastIndexOf("/") + 1)}+0x${address.toString(16)}`
    : name || "[unknown]";
}

/** Returns lines without their counts, which OTLP has for no type but CPU time. */
const valuesOf = (batches: readonly Batch[]) =>
  linesOf(batches).map((line) => line.slice(0, line.lastIndexOf(" ")));

Deno.test("what is written as OTLP comes back with every value, of whatever batch", () => {
  fc.assert(
    fc.property(batchArbitrary(6), (batch) => {
      assertEquals(valuesOf(returned(batch)), expected(batch));
    }),
    { numRuns: 60 },
  );
});

/** A batch with all that is sent: CPU time of two periods, waits, calls, and a heap. */
function wholeBatch(): Batch {
  const batch = makeBatch({ samples: 5, waits: 4 });
  const to = new ProfileBuilder();
  to.merge(batch);
  const frame = to.frame({
    function: "app+0x40",
    module: "/bin/app",
    file: "",
    line: 0,
    buildId: "abcd",
    address: 64,
    rank: 0,
  });
  const series = to.series({
    service: "cart",
    pod: "cart-0",
    namespace: "shop",
    pid: 7,
    comm: "main",
    labels: "app.io/name=cart",
  });
  to.add("cpu", series, to.stack([frame]), 30_303_030, 3);
  to.add("cpu", series, to.stack([frame, frame]), 7, 2);
  to.add(HEAP, series, to.stack([frame]), 4096, 1);
  return { ...batch, ...to.build() };
}

Deno.test("writeOtlp() keeps the rules of the format, as another library reads it", () => {
  const batch = wholeBatch();
  const { dictionary, resourceProfiles }: Fixture = readOtlp(writeOtlp(batch)!, "1.10");
  for (const [name, table] of Object.entries<Fixture[]>(dictionary)) {
    // The first of each stands for nothing, and no two are equal.
    const texts = table.map((each) => JSON.stringify(each));
    assertEquals(new Set(texts).size, texts.length, name);
    if (name !== "stringTable") assertEquals(JSON.stringify(table[0]).replace(/\W|\d/g, "").length > 0, true);
  }
  assertEquals(dictionary.stringTable[0], "");
  const profiles = resourceProfiles.flatMap(({ scopeProfiles }: Fixture) =>
    scopeProfiles.flatMap((s: Fixture) => s.profiles)
  );
  const ids = profiles.map(({ profileId }: Fixture) => Buffer.from(profileId).toString("hex"));
  assertEquals([new Set(ids).size, ids.every((id: string) => /^[0-9a-f]{32}$/.test(id))], [
    profiles.length,
    true,
  ]);
  const used = { stacks: new Set<number>(), attributes: new Set<number>() };
  for (const { samples, timeUnixNano, durationNano } of profiles) {
    assertEquals([timeUnixNano, durationNano], [Number(batch.startNs), Number(batch.endNs - batch.startNs)]);
    for (const { stackIndex, values, timestampsUnixNano, attributeIndices } of samples) {
      assertEquals([values.length, timestampsUnixNano.length], [1, 0]);
      used.stacks.add(stackIndex);
      for (const index of attributeIndices) used.attributes.add(index);
    }
  }
  // Nothing in a table that nothing refers to.
  assertEquals(used.stacks.size, dictionary.stackTable.length - 1);
  const locations = new Set(dictionary.stackTable.flatMap(({ locationIndices }: Fixture) => locationIndices));
  assertEquals(locations.size, dictionary.locationTable.length - 1);
  const type = ({ sampleType: { typeStrindex: t, unitStrindex: u }, period }: Fixture) =>
    `${dictionary.stringTable[t]}/${dictionary.stringTable[u]} ${period}`;
  const kinds = new Set<string>(profiles.map(type));
  for (
    const kind of [
      "samples/count 10101010",
      "cpu/nanoseconds 4",
      "delay/nanoseconds 1",
      "inuse_space/bytes 1",
    ]
  ) {
    assert(kinds.has(kind), `${kind} is none of ${[...kinds]}`);
  }
});

const target = (url: string, protocol: OtlpTarget["protocol"]): OtlpTarget => ({
  ...{ protocol, url: new URL(url), headers: { "x-key": "k" }, gzip: true, timeoutMs: 60_000 },
});

Deno.test("OtlpExporter sends by gRPC and HTTP what arrives as it was stored, each batch once", async () => {
  const sent = { ...wholeBatch(), startNs: 1_767_225_600_000_000_000n, endNs: 1_767_225_610_000_000_000n };
  const clock = () => 1_767_225_610_000;
  for (const protocol of ["grpc", "http/protobuf"] as const) {
    await using to = await startIntake({ clock });
    await using stack = new AsyncDisposableStack();
    let url: string;
    if (protocol === "grpc") {
      const options = { buffer: to.buffer, intake: to.intake, queries: new FleetQueries([]) };
      const server = stack.use(
        IngestServer.start({ ...options, listen: { hostname: "127.0.0.1", port: 0 } }),
      );
      url = `http://127.0.0.1:${server.address.port}`;
    } else {
      const server = stack.use(Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
        assertEquals(request.headers.get("x-key"), "k");
        return to.ask.request(request);
      }));
      url = `http://127.0.0.1:${server.addr.port}/v1development/profiles`;
    }
    const exporter = stack.use(new OtlpExporter({ transport: openTransport(target(url, protocol)) }));
    exporter.offer(writeBatch(sent));
    await exporter.flush(60_000);
    assertEquals([exporter.stats.sent, exporter.stats.queued], [1, 0], JSON.stringify(exporter.stats));
    assertEquals(valuesOf(await to.staged()), expected(readBatch(writeBatch(sent))));
  }
});

/** A collector that answers as it is told, and keeps what it took. */
function collector(answers: (() => Response)[]) {
  const taken: Uint8Array[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const bytes = await request.bytes();
    const response = answers.shift()?.() ?? new Response(null);
    if (response.ok) taken.push(new Uint8Array(gunzipSync(bytes)));
    return response;
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  return { taken, url, server };
}

Deno.test("OtlpExporter tries again what may be taken later, drops what is refused, and counts both", async () => {
  const busy = () => new Response(null, { status: 503, headers: { "retry-after": "0" } });
  const partial = Uint8Array.of(0x0a, 0x05, 0x08, 0x02, 0x12, 0x01, 0x78);
  const { taken, url, server } = collector([
    ...[busy, busy, () => new Response(null)],
    () => new Response(null, { status: 400 }),
    () => new Response(partial),
    ...[busy, busy, busy],
  ]);
  await using _server = server;
  const transport = openTransport(target(url, "http/protobuf"));
  await using exporter = new OtlpExporter({ transport, tries: 3, firstPauseMs: 1 });
  for (const sequence of [1, 2, 3, 4]) exporter.offer(writeBatch(makeBatch({ sequence })));
  await exporter.flush(60_000);
  const { sent, dropped, rejectedProfiles, queued } = exporter.stats;
  assertEquals([sent, dropped, rejectedProfiles, queued, taken.length], [
    2,
    { full: 0, refused: 1, failed: 1 },
    2,
    0,
    2,
  ]);
});

Deno.test("OtlpExporter holds so much, and the oldest goes for what is new", async () => {
  const gate = Promise.withResolvers<void>();
  const seen: number[] = [];
  const transport = {
    send: async (request: Uint8Array) => {
      await gate.promise;
      seen.push(request.length);
      return { result: "sent" as const, response: new Uint8Array() };
    },
    [Symbol.dispose]() {},
  };
  const one = writeBatch(makeBatch());
  await using exporter = new OtlpExporter({ transport, capacityBytes: 3 * one.length });
  for (let i = 0; i < 10; i++) exporter.offer(one);
  const { queued, queuedBytes, dropped } = exporter.stats;
  assertEquals([queued, queuedBytes, dropped.full], [3, 3 * one.length, 7]);
  gate.resolve();
  await exporter.flush(60_000);
  assertEquals(exporter.stats.sent + exporter.stats.dropped.full, 10);
});
