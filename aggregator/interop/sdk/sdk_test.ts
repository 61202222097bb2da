// SPDX-License-Identifier: Apache-2.0
import { Code, ConnectError } from "@connectrpc/connect";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { decodeLabels } from "../../../profile/labels.ts";
import { seriesAt } from "../../../profile/model.ts";
import { PusherService } from "../../../proto/gen/push/v1/push_pb.ts";
import { connectClient } from "../../../tests/support/connect_client.ts";
import { linesOf, pprofFile, startIntake } from "../../../tests/support/foreign.ts";
import { ForeignError } from "../intake/windows.ts";
import { readApp } from "./app.ts";
import { nameOfFile } from "./names.ts";
import { readFolded, readSpeedscope } from "./stacks.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 3);
const clock = () => NOW;
const HEAP = pprofFile({
  types: [["inuse_objects", "count"], ["inuse_space", "bytes"]],
  rows: [{ stack: ["alloc", "main"], values: [2, 4096], labels: { region: "eu", span_id: "1" } }],
  period: ["space", "bytes", 512],
  timeMs: NOW,
});
const CPU = pprofFile({
  types: [["samples", "count"], ["cpu", "nanoseconds"]],
  rows: [{ stack: ["hot", "main"], values: [3, 30_000_000] }],
  period: ["cpu", "nanoseconds", 10_000_000],
  timeMs: NOW,
});
const HEAP_LINES = [
  "memory:inuse_objects:count:space:bytes cart main;alloc 2 1",
  "memory:inuse_space:bytes:space:bytes cart main;alloc 4096 1",
];

const labels = (more: Record<string, string>) =>
  Object.entries({ service_name: "cart", ...more }).map(([name, value]) => ({ name, value }));

Deno.test("Push by the Connect project's own client stages both codecs, packed or not, and each only once", async () => {
  for (const binary of [true, false]) {
    for (const gzip of [true, false]) {
      await using at = await startIntake({ clock });
      const client = connectClient(PusherService, { fetch: at.ask.request, binary, gzip });
      const series = [
        {
          labels: labels({ __name__: "memory", pod: "cart-0", __delta__: "false" }),
          samples: [{ rawProfile: HEAP }],
        },
        {
          labels: labels({ __name__: "process_cpu" }),
          samples: [{ rawProfile: new Uint8Array(gzipSync(CPU)), ID: "x" }],
        },
      ];
      await client.push({ series });
      await client.push({ series });
      const batches = await at.staged();
      assertEquals(linesOf(batches), ["cpu cart main;hot 30000000 3", ...HEAP_LINES]);
      assertEquals(at.counts, { "push staged": 2, "push duplicate": 2 });
      const heap = batches.find(({ foreign }) => foreign)!;
      const origin = seriesAt(heap, 0);
      assertEquals([origin.pod, Object.fromEntries(decodeLabels(origin.labels))], ["cart-0", {
        region: "eu",
      }]);
      assertEquals(Number(heap.startNs / 1_000_000n), NOW - 3000);
    }
  }
});

Deno.test("Push keeps what is sound, and says what is not so that nobody sends it again", async () => {
  await using at = await startIntake({ clock });
  const client = connectClient(PusherService, { fetch: at.ask.request });
  const push = async (series: Parameters<typeof client.push>[0]["series"]) => {
    const error = await assertRejects(() => client.push({ series: series! }), ConnectError);
    assertEquals(error.code, Code.InvalidArgument, error.message);
    return error.rawMessage;
  };
  assertMatch(await push([]), /without a series/);
  assertMatch(
    await push([{ labels: labels({}), samples: [{ rawProfile: HEAP }] }]),
    /without the label '__name__'/,
  );
  const named = labels({ __name__: "memory" });
  const bomb = new Uint8Array(gzipSync(new Uint8Array(64 * 2 ** 20)));
  const message = await push([{
    labels: named,
    samples: [{ rawProfile: HEAP.subarray(0, 40) }, { rawProfile: HEAP }, { rawProfile: bomb }],
  }]);
  assertMatch(message, /middle of a field|that is not there|string/);
  assertMatch(message, /more than 16777216 bytes/);
  assertEquals(linesOf(await at.staged()), HEAP_LINES);
  assertEquals(at.counts, { "push staged": 1, "push refused": 3 });
  // No samples, and a profile of a year ago or a day ahead.
  await client.push({
    series: [{ labels: named, samples: [{ rawProfile: pprofFile({ types: [], rows: [] }) }] }],
  });
  const ahead = pprofFile({
    types: [["x", "y"]],
    rows: [{ stack: ["a"], values: [1] }],
    timeMs: NOW + 2 * 86_400_000,
  });
  assertMatch(await push([{ labels: named, samples: [{ rawProfile: ahead }] }]), /of the future/);
});

Deno.test("a full buffer refuses what is pushed with a time to come back, and 400 is never sent for it", async () => {
  await using at = await startIntake({ clock, capacity: 1 });
  const push = (name: string) => at.ask(`/ingest?name=${name}`, { method: "POST", body: "a;b 1\n" });
  assertEquals((await push("one")).status, 200);
  const full = await push("two");
  assertEquals([full.status, Number(full.headers.get("retry-after")) >= 5], [429, true]);
  assertEquals(at.counts, { "ingest staged": 1, "ingest refused": 1 });
});

Deno.test("relabel rules change what is pushed, too", async () => {
  const text = "[{action: drop, source_labels: [service], regex: cart}]";
  let dropped = 0;
  await using at = await startIntake({
    clock,
    relabeller: { text, count: (rows) => dropped += rows },
  });
  for (const name of ["cart", "shop"]) {
    await at.ask(`/ingest?name=${name}`, { method: "POST", body: "a;b 1\n" });
  }
  assertEquals([linesOf(await at.staged()), dropped], [["cpu shop a;b 10000000 1"], 1]);
});

function form(parts: Record<string, Uint8Array<ArrayBuffer> | string>): FormData {
  const form = new FormData();
  for (const [name, part] of Object.entries(parts)) form.set(name, new Blob([part]), name);
  return form;
}

Deno.test("POST /ingest takes forms of pprof, folded stacks and speedscope, and answers exactly 200", async () => {
  await using at = await startIntake({ clock });
  const from = `from=${NOW / 1000 | 0}&until=${(NOW / 1000 | 0) + 10}`;
  const ingest = async (query: string, body: BodyInit, path = "/ingest") => {
    const response = await at.ask(`${path}?${query}`, { method: "POST", body });
    assertEquals([response.status, await response.text()], [200, ""]);
    return linesOf(await at.staged());
  };
  const packed = new Uint8Array(gzipSync(HEAP));
  assertEquals(
    await ingest(`name=cart{env=prod}&${from}&spyName=gospy`, form({ profile: packed })),
    HEAP_LINES,
  );
  const block = pprofFile({
    types: [["contentions", "count"], ["delay", "nanoseconds"]],
    rows: [{ stack: ["lock"], values: [1, 50] }],
    period: ["contentions", "count", 1],
    timeMs: NOW,
  });
  const config = JSON.stringify({ contentions: { "display-name": "block_count" } });
  assertEquals(await ingest(`name=cart&${from}`, form({ profile: block, sample_type_config: config })), [
    "block:contentions:count:contentions:count cart lock 1 1",
    "block:delay:nanoseconds:contentions:count cart lock 50 1",
  ]);
  assertEquals(await ingest(`name=cart.cpu&${from}&sampleRate=50`, "a;b 3\n\na 1\n"), [
    "cpu cart a 20000000 1",
    "cpu cart a;b 60000000 3",
  ]);
  assertEquals(await ingest(`name=cart.inuse_space&${from}&format=lines`, "a;b\n", "/pyroscope/ingest"), [
    "memory:inuse_space:bytes:space:bytes cart a;b 1 1",
  ]);
  const speedscope = {
    shared: { frames: [{ name: "a" }, { name: "b" }] },
    profiles: [
      {
        type: "sampled",
        unit: "milliseconds",
        name: "",
        startValue: 0,
        endValue: 3,
        samples: [[0, 1], [0]],
        weights: [1, 2],
      },
      {
        type: "evented",
        unit: "bytes",
        events: [
          { type: "O", frame: 0, at: 0 },
          { type: "O", frame: 1, at: 10 },
          { type: "C", frame: 1, at: 30 },
          { type: "C", frame: 0, at: 35 },
        ],
      },
    ],
  };
  assertEquals(await ingest(`name=cart&format=speedscope&${from}`, JSON.stringify(speedscope)), [
    "cpu cart a 2000000 1",
    "cpu cart a;b 1000000 1",
    "memory:inuse_space:bytes:space:bytes cart a 15 2",
    "memory:inuse_space:bytes:space:bytes cart a;b 20 1",
  ]);
});

Deno.test("POST /ingest refuses what it cannot read for good, JFR with what to do", async () => {
  await using at = await startIntake({ clock });
  const refused = async (query: string, body: BodyInit, status: number, message: RegExp) => {
    const response = await at.ask(`/ingest?${query}`, { method: "POST", body });
    const text = await response.text();
    assertEquals([response.status, response.headers.get("content-type")], [
      status,
      "text/plain; charset=utf-8",
    ], text);
    assertMatch(text, message);
  };
  await refused("name=a&format=jfr", "x", 415, /PYROSCOPE_FORMAT=otlp/);
  await refused("name=a", form({ jfr: "x" }), 415, /PYROSCOPE_FORMAT=otlp/);
  await refused("", "a 1", 400, /without a 'name'/);
  await refused("name=a{b", "a 1", 400, /not like app/);
  await refused("name=a", "a b", 422, /whole number/);
  await refused("name=a&format=trie", "x", 422, /none of pprof/);
  await refused("name=a&format=pprof", "junk", 422, /Cannot /);
  await refused("name=a", form({ other: "x" }), 422, /Missing the part 'profile'/);
  await refused("name=a", form({ profile: HEAP, prev_profile: HEAP }), 422, /prev_profile/);
  await refused("name=a&format=speedscope", "{}", 422, /speedscope/);
  await refused("name=a&format=pprof", new Uint8Array(33 * 2 ** 20), 413, /more than/);
  await refused("name=a&format=pprof", new Uint8Array(gzipSync(new Uint8Array(2 ** 26))), 413, /more than/);
  assertEquals(at.buffer.batches, 0);
});

Deno.test("nameOfFile() says what Go's files are called", () => {
  const of = (...types: string[]) => nameOfFile(types.map((type) => ({ type, unit: "" })));
  assertEquals(
    [
      of("samples", "cpu"),
      of("alloc_objects"),
      of("goroutine"),
      of("contentions", "delay"),
      of("samples", "wall"),
      of("x"),
    ],
    ["process_cpu", "memory", "goroutines", "mutex", "wall", "x"],
  );
});

Deno.test("texts of any bytes are read, or refused", () => {
  const refusedOr = (run: () => void) => {
    try {
      run();
    } catch (error) {
      if (!(error instanceof ForeignError)) throw error;
    }
  };
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), fc.boolean(), (text, counted) => {
    refusedOr(() => readFolded(text, { counted }));
    refusedOr(() => readSpeedscope(text));
    refusedOr(() => readApp(new URLSearchParams({ name: text, from: text, sampleRate: text })));
  }));
  const event = fc.record({ type: fc.constantFrom("O", "C"), frame: fc.nat(3), at: fc.double() });
  const profile = fc.oneof(
    fc.record({ type: fc.constant("evented"), unit: fc.string(), events: fc.array(event) }),
    fc.record({
      type: fc.constant("sampled"),
      unit: fc.constantFrom("none", "seconds"),
      samples: fc.array(fc.array(fc.nat(3))),
      weights: fc.array(fc.double()),
    }),
  );
  fc.assert(fc.property(fc.array(profile), (profiles) => {
    refusedOr(() =>
      readSpeedscope(JSON.stringify({ shared: { frames: [{ name: "a" }, { name: "b" }] }, profiles }))
    );
  }));
});
