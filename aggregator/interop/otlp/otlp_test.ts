// SPDX-License-Identifier: Apache-2.0
import { Metadata, status } from "@grpc/grpc-js";
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { seriesAt } from "../../../profile/model.ts";
import { decodeLabels } from "../../../profile/labels.ts";
import { readPushRequest } from "../../../profile/wire/read_batch.ts";
import { validateBatch } from "../../../profile/wire/validate_batch.ts";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import { writeBatch } from "../../../profile/wire/write_batch.ts";
import { linesOf, startIntake } from "../../../tests/support/foreign.ts";
import { pushOnce } from "../../../tests/support/grpc_client.ts";
import { FleetQueries } from "../../../tests/support/fleet_queries.ts";
import { type Fixture, otlpBytes, type Release } from "../../../tests/support/otlp.ts";
import { Access } from "../../access/access.ts";
import { TokenSet } from "../../access/tokens.ts";
import { IngestServer } from "../../ingest/server.ts";
import { ForeignError, Windows } from "../intake/windows.ts";
import { UnavailableError } from "../../ingest/calls.ts";
import { EXPORT_PATH, OtlpExports } from "./grpc.ts";
import { readJson } from "./read_json.ts";
import { readProto } from "./read_proto.ts";
import { takeOtlp } from "./take_otlp.ts";
import { formOfVersion } from "./version.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 3);
const NS = (ms: number) => `${ms}000000`;
const PATH = "/v1development/profiles";

const STRINGS = [
  "",
  ...["samples", "count", "cpu", "nanoseconds", "off_cpu", "main", "hot", "app.go", "/app/server"],
  ...[
    "process.executable.build_id.gnu",
    "abcd",
    "profile.frame.type",
    "native",
    "thread.name",
    "worker",
    "kernel",
  ],
  ...["schedule", "cpu.logical_number", "vmlinux"],
];
const at = (text: string) => STRINGS.indexOf(text);

/** Is what an eBPF profiler sends: samples at times, values at times, values alone. */
function fixture(): Fixture {
  const text = (value: string) => ({ stringValue: value });
  return {
    dictionary: {
      stringTable: STRINGS,
      attributeTable: [
        {},
        { keyStrindex: at("process.executable.build_id.gnu"), value: text("abcd") },
        { keyStrindex: at("profile.frame.type"), value: text("native") },
        { keyStrindex: at("thread.name"), value: text("worker") },
        { keyStrindex: at("profile.frame.type"), value: text("kernel") },
        { keyStrindex: at("cpu.logical_number"), value: { intValue: "3" } },
      ],
      mappingTable: [{}, { filenameStrindex: at("/app/server"), attributeIndices: [1] }, {
        filenameStrindex: at("vmlinux"),
      }],
      functionTable: [
        {},
        { nameStrindex: at("main"), filenameStrindex: at("app.go"), startLine: "1" },
        { nameStrindex: at("hot"), filenameStrindex: at("app.go") },
        { nameStrindex: at("schedule") },
      ],
      locationTable: [
        {},
        { mappingIndex: 1, lines: [{ functionIndex: 2, line: "9" }, { functionIndex: 1, line: "5" }] },
        { mappingIndex: 1, address: "4096", attributeIndices: [2] },
        { mappingIndex: 2, lines: [{ functionIndex: 3 }], attributeIndices: [4] },
      ],
      stackTable: [{}, { locationIndices: [1] }, { locationIndices: [3, 2, 1] }],
      linkTable: [{}],
    },
    resourceProfiles: [{
      resource: {
        attributes: [
          { key: "service.name", value: text("cart") },
          { key: "k8s.node.name", value: text("node-1") },
          { key: "k8s.pod.name", value: text("cart-0") },
          { key: "process.pid", value: { intValue: "42" } },
          { key: "process.environment_variable.SECRET", value: text("x") },
          { key: "deployment.environment.name", value: text("prod") },
        ],
      },
      scopeProfiles: [{
        profiles: [
          {
            sampleType: { typeStrindex: at("samples"), unitStrindex: at("count") },
            periodType: { typeStrindex: at("cpu"), unitStrindex: at("nanoseconds") },
            period: "50000000",
            timeUnixNano: NS(NOW),
            durationNano: "5000000000",
            samples: [
              // The last is in the next bucket, and one is after the profile's end.
              {
                stackIndex: 1,
                attributeIndices: [3, 5],
                timestampsUnixNano: [NS(NOW), NS(NOW + 1), NS(NOW + 99_000)],
              },
              { stackIndex: 2, attributeIndices: [3], timestampsUnixNano: [NS(NOW + 2)] },
            ],
          },
          {
            sampleType: { typeStrindex: at("off_cpu"), unitStrindex: at("nanoseconds") },
            timeUnixNano: NS(NOW),
            samples: [
              {
                stackIndex: 2,
                attributeIndices: [3],
                values: ["700", "30"],
                timestampsUnixNano: [NS(NOW), NS(NOW + 1)],
              },
              { stackIndex: 1, attributeIndices: [3], values: ["5"] },
            ],
          },
        ],
      }],
    }],
  };
}

const LINES = [
  "cpu cart main;hot 150000000 3",
  "cpu cart main;hot;server+0x1000;schedule 50000000 1",
  "off_cpu:off_cpu:nanoseconds:: cart main;hot 5 1",
  "off_cpu:off_cpu:nanoseconds:: cart main;hot;server+0x1000;schedule 730 2",
];

const PROTO = { "content-type": "application/x-protobuf" };
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

Deno.test("profiles of each wire form, by both transports and encodings, packed or not, give the same samples", async () => {
  const bodies: [Release | "json", Uint8Array<ArrayBuffer>][] = [
    ...(["1.8", "1.9", "1.10"] as const).map((
      release,
    ): [Release, Uint8Array<ArrayBuffer>] => [release, otlpBytes(fixture(), release)]),
    ["json", new TextEncoder().encode(JSON.stringify(fixture()))],
  ];
  for (const [release, body] of bodies) {
    for (const packed of [false, true]) {
      await using to = await startIntake({ clock: () => NOW });
      const response = await to.ask(PATH, {
        method: "POST",
        headers: { ...release === "json" ? JSON_TYPE : PROTO, ...packed && { "content-encoding": "gzip" } },
        body: packed ? new Uint8Array(gzipSync(body)) : body,
      });
      const type = release === "json" ? "application/json" : "application/x-protobuf";
      assertEquals([response.status, response.headers.get("content-type")], [200, type], release);
      assertEquals(await response.text(), release === "json" ? "{}" : "");
      const batches = await to.staged();
      assertEquals(linesOf(batches), LINES, release);
      assertEquals(to.counts, { "otlp staged": 2 });
      assertEquals(batches.map(({ node, startNs }) => [node, Number(startNs / 1_000_000n) - NOW]), [[
        "node-1",
        -3000,
      ]]);
      const { labels, ...series } = seriesAt(batches[0]!, 0);
      assertEquals([series.pod, series.pid, series.comm], ["cart-0", 42, "worker"]);
      assertEquals(Object.fromEntries(decodeLabels(labels)), { "deployment.environment.name": "prod" });
    }
    if (release === "json") continue;
    await using to = await startIntake({ clock: () => NOW });
    const { queries, buffer, intake } = { ...to, queries: new FleetQueries([]) };
    await using server = IngestServer.start({
      buffer,
      queries,
      intake,
      listen: { hostname: "127.0.0.1", port: 0 },
    });
    const target = `127.0.0.1:${server.address.port}`;
    const answers = [];
    for (let i = 0; i < 2; i++) answers.push(await pushOnce(target, body, { path: EXPORT_PATH }));
    assertEquals(answers.map(({ code, bytes }) => [code, bytes.length]), [[status.OK, 0], [status.OK, 0]]);
    assertEquals([linesOf(await to.staged()), to.counts], [LINES, { "otlp staged": 2, "otlp duplicate": 2 }]);
  }
});

Deno.test("Export by gRPC asks for a token that may push, and says what is wrong for good", async () => {
  await using to = await startIntake({ clock: () => NOW });
  await using server = IngestServer.start({
    access: new Access({
      tokens: TokenSet.parse("agents ingest 12345678\nreaders read 87654321"),
      sleep: () => Promise.resolve(),
    }),
    ...{ buffer: to.buffer, intake: to.intake, queries: new FleetQueries([]) },
    listen: { hostname: "127.0.0.1", port: 0 },
  });
  const target = `127.0.0.1:${server.address.port}`;
  const codeFor = async (token?: string) => {
    const options = { path: EXPORT_PATH, ...token !== undefined && { token } };
    return (await pushOnce(target, Uint8Array.of(0x0a, 0x05), options)).code;
  };
  assertEquals(
    [await codeFor(), await codeFor("87654321"), await codeFor("12345678"), to.counts],
    [status.UNAUTHENTICATED, status.PERMISSION_DENIED, status.INVALID_ARGUMENT, { "otlp refused": 1 }],
  );
});

Deno.test("OtlpExports takes so many calls at once, and asks others to come again", async () => {
  await using to = await startIntake({ clock: () => NOW });
  const exports = new OtlpExports(to.intake, { most: 1 });
  const call = (release: Release) => {
    return exports.call({
      request: otlpBytes(fixture(), release),
      metadata: new Metadata(),
      getPeer: () => "",
    });
  };
  const first = call("1.9");
  await assertRejects(() => call("1.10"), UnavailableError, "try again later");
  await first;
  await call("1.10");
  assertEquals(to.counts, { "otlp staged": 4, "otlp refused": 1 });
});

Deno.test("the header of the version is one whole number, and 1", () => {
  assertEquals([formOfVersion([]), formOfVersion(["1"])], [undefined, "1.10"]);
  for (
    const values of [["01"], ["0"], ["2"], ["1", "1"], ["1, 1"], ["x"], [""], ["-1"], ["1.0"], [
      "1".repeat(40),
    ]]
  ) {
    assertThrows(() => formOfVersion(values), ForeignError, "", values.join());
  }
  const metadata = new Metadata();
  metadata.add("OTLP-Profiles-Development-Version", "1");
  assertEquals(metadata.get("otlp-profiles-development-version"), ["1"]);
});

Deno.test("a sender that says the version is taken by its word", async () => {
  await using to = await startIntake({ clock: () => NOW });
  const ask = (version: string) =>
    to.ask(PATH, {
      method: "POST",
      headers: { ...PROTO, "OTLP-Profiles-Development-Version": version },
      body: otlpBytes(fixture(), "1.10"),
    });
  const refused = await ask("2");
  assertEquals([refused.status, refused.headers.get("content-type")], [400, "application/x-protobuf"]);
  assertMatch(await refused.text(), /version 2/);
  assertEquals((await ask("1")).status, 200);
  assertEquals(linesOf(await to.staged()), LINES);
});

Deno.test("an unsound profile is rejected alone, and counted", async () => {
  await using to = await startIntake({ clock: () => NOW });
  const request = fixture();
  const [{ scopeProfiles: [scope] }] = request.resourceProfiles;
  const [cpu] = scope.profiles;
  const broken = [
    { samples: [{ stackIndex: 99, values: ["1"] }] },
    { samples: [{ stackIndex: 1, attributeIndices: [99], values: ["1"] }] },
    { samples: [{ stackIndex: 1, values: ["1", "2"], timestampsUnixNano: [NS(NOW)] }] },
    { samples: [{ stackIndex: 1, values: ["-1"] }] },
    { sampleType: { typeStrindex: 999 } },
  ];
  scope.profiles.push(...broken.map((change) => ({ ...cpu, ...change })));
  for (
    const [headers, body] of [[JSON_TYPE, JSON.stringify(request)], [
      PROTO,
      otlpBytes(request, "1.10"),
    ]] as const
  ) {
    const response = await to.ask(PATH, { method: "POST", headers, body });
    const text = await response.text();
    assertEquals(response.status, 200, text);
    assertMatch(text, /not in the table of stacks: 99/);
    if (headers === JSON_TYPE) assertEquals(JSON.parse(text).partialSuccess.rejectedProfiles, "5");
    assertEquals(linesOf(await to.staged()), LINES);
  }
  assertEquals(to.counts, { "otlp staged": 4, "otlp refused": 10 });
});

Deno.test("type and unit that are the wrong way round are put right, and old forms are refused by name", () => {
  const request = fixture();
  const [cpu] = request.resourceProfiles[0].scopeProfiles[0].profiles;
  request.resourceProfiles[0].scopeProfiles[0].profiles = [{
    ...cpu,
    sampleType: { typeStrindex: at("count"), unitStrindex: at("samples") },
    periodType: { typeStrindex: at("nanoseconds"), unitStrindex: at("cpu") },
  }];
  const windows = new Windows();
  takeOtlp(readProto(otlpBytes(request, "1.9")), windows, { nowNs: 0n, address: "" });
  assertEquals(windows.finish().flatMap(({ profile }) => [...profile.samples.value]), [
    150_000_000,
    50_000_000,
  ]);
  const old = {
    resourceProfiles: [{
      scopeProfiles: [{
        profiles: [{ samples: [{ locationsStartIndex: 0, linkIndex: 1, timestampsUnixNano: ["1"] }] }],
      }],
    }],
  };
  assertThrows(() => readProto(otlpBytes(old, "1.7")), ForeignError, "up to 1.7");
});

Deno.test("readProto() tells 1.9 from 1.10 where samples have few fields", () => {
  const request = (sample: Fixture) => ({
    dictionary: {
      attributeTable: [{}, { keyStrindex: 1 }, { keyStrindex: 2 }],
      stringTable: ["", "a", "b"],
      stackTable: [{}],
    },
    resourceProfiles: [{ scopeProfiles: [{ profiles: [{ samples: [sample] }] }] }],
  });
  const cases: [Release, Fixture][] = [
    ["1.9", { values: ["7"] }],
    ["1.9", { values: ["7"], timestampsUnixNano: ["1"] }],
    ["1.9", { values: ["1", "1"], timestampsUnixNano: ["1", "2"] }],
    ["1.9", { attributeIndices: [1], timestampsUnixNano: ["1"] }],
    ["1.9", { values: ["7"], linkIndex: 1, timestampsUnixNano: ["1"] }],
    ["1.10", { values: ["7"] }],
    ["1.10", { attributeIndices: [1, 2], timestampsUnixNano: ["1"] }],
    ["1.10", { attributeIndices: [1], timestampsUnixNano: ["1"] }],
    ["1.10", { linkIndex: 1, timestampsUnixNano: ["1"] }],
  ];
  for (const [release, sample] of cases) {
    const { resources: [resource] } = readProto(otlpBytes(request(sample), release));
    const [read] = resource!.profiles[0]!.samples;
    const { values = [], attributeIndices = [] } = sample;
    assertEquals(
      [read!.values, read!.attributes],
      [values.map(Number), attributeIndices],
      `${release} ${JSON.stringify(sample)}`,
    );
  }
});

Deno.test("a request is bounded, packed and unpacked, and refused for good", async () => {
  await using to = await startIntake({ clock: () => NOW });
  const ask = async (body: BodyInit, headers: Record<string, string> = PROTO) => {
    const response = await to.ask(PATH, { method: "POST", headers, body });
    return [response.status, await response.text()] as const;
  };
  assertEquals(await ask(new Uint8Array()), [200, ""]);
  assertEquals(await ask("{}", JSON_TYPE), [200, "{}"]);
  assertEquals((await ask(new Uint8Array(65 * 2 ** 20)))[0], 413);
  const bomb = new Uint8Array(gzipSync(new Uint8Array(65 * 2 ** 20)));
  assertEquals((await ask(bomb, { ...PROTO, "content-encoding": "gzip" }))[0], 413);
  assertEquals((await ask("x", { ...PROTO, "content-encoding": "gzip" }))[0], 400);
  assertEquals((await ask("x", { ...PROTO, "content-encoding": "zstd" }))[0], 400);
  assertEquals((await ask("x", { "content-type": "text/plain" }))[0], 415);
  assertEquals(await ask("x", JSON_TYPE), [
    400,
    '{"code":3,"message":"Cannot read the request as it is not JSON"}',
  ]);
  assertEquals((await to.ask(PATH)).status, 405);
  // A million samples of nothing, in two bytes each.
  const samples = new Uint8Array(2 * 600_000);
  for (let i = 0; i < samples.length; i += 2) samples[i] = 0x12;
  const wrap = (tag: number, bytes: Uint8Array) => {
    const length = [];
    for (let n = bytes.length; n > 0; n = Math.floor(n / 128)) length.push(n % 128 | (n >= 128 ? 128 : 0));
    return Uint8Array.from([tag, ...length, ...bytes]);
  };
  const [code, message] = await ask(wrap(0x0a, wrap(0x12, wrap(0x12, samples))));
  assertEquals(code, 400);
  assertMatch(message, /more than 524288 samples/);
  assertEquals(to.buffer.batches, 0);
});

Deno.test("takeOtlp() of any bytes and any JSON gives batches that are sound, or refuses", () => {
  const check = (read: () => ReturnType<typeof readProto>) => {
    const windows = new Windows();
    try {
      takeOtlp(read(), windows, { nowNs: BigInt(NOW) * 1_000_000n, address: "" });
    } catch (error) {
      if (error instanceof ForeignError || error instanceof WireError) return;
      throw error;
    }
    for (const { profile, ...window } of windows.finish()) {
      // Times are held to what is kept when they are staged.
      const startNs = BigInt(NOW) * 1_000_000n;
      const own = { ...window, startNs, endNs: startNs + 1n };
      const batch = {
        ...profile,
        ...own,
        agentId: "a",
        epoch: startNs,
        sequence: 1,
        agentVersion: "",
        losses: new Map(),
      };
      validateBatch(readPushRequest(writeBatch(batch)));
    }
  };
  for (const release of ["1.9", "1.10"] as const) {
    const sound = otlpBytes(fixture(), release);
    const changes = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(changes, (changes) => {
        const bytes = sound.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        check(() => readProto(bytes));
      }),
      { numRuns: 500 },
    );
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => check(() => readProto(bytes))));
  const json = JSON.stringify(fixture());
  fc.assert(fc.property(fc.nat(json.length), fc.json({ maxDepth: 2 }), (at, other) => {
    const comma = json.indexOf(":", at);
    check(() =>
      readJson(
        comma < 0 ? other : `${json.slice(0, comma + 1)}${other}${json.slice(json.indexOf(",", comma))}`,
      )
    );
  }));
});
