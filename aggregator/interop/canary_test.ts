// SPDX-License-Identifier: Apache-2.0
/**
 * Pushes by every protocol, and asks at once for what was pushed, as Pyroscope's own canary does.
 */

import { assertEquals } from "@std/assert";
import { PusherService } from "../../proto/gen/push/v1/push_pb.ts";
import { QuerierService } from "../../proto/gen/querier/v1/querier_pb.ts";
import { connectClient } from "../../tests/support/connect_client.ts";
import { pprofFile } from "../../tests/support/foreign.ts";
import { testOptions } from "../../tests/support/http_handler.ts";
import { testWith } from "../../tests/support/needs.ts";
import { otlpBytes } from "../../tests/support/otlp.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { Flusher } from "../buffer/flusher.ts";
import { StagingBuffer } from "../buffer/staging_buffer.ts";
import { createHandler } from "../http/handler.ts";
import { createQueries } from "../query/queries.ts";
import { settling } from "../settling.ts";
import { Writer } from "../storage/writer.ts";
import { decode } from "./decoding/decode.ts";
import { writeGroup } from "../writing/write_group.ts";
import { Intake } from "./intake/intake.ts";

const TYPE = "deadmans_switch:made_up:profilos:made_up:profilos";
const OTLP_TYPE = "otlp_test:otlp_test:count:otlp_test:samples";
const LABELS = { service_name: "canary", job: "canary-exporter", instance: "canary-0" };

testWith(
  ["chdb"],
  "what is pushed is there for who asks at once, by whatever protocol it came",
  async (t) => {
    await using storage = await startStorage();
    await using buffer = await StagingBuffer.open();
    const writer = new Writer(storage.client);
    const flusher = new Flusher({ buffer, sink: { write: (group) => writeGroup(writer, group) } });
    const intake = new Intake({ buffer, decoder: { decode } });
    const queries = createQueries(storage.client);
    const handler = createHandler(testOptions({ queries, intake, settle: settling({ buffer, flusher }) }));
    const ask = (path: string, init?: RequestInit) =>
      handler(new Request(`http://aggregator.test${path}`, init));
    const client = connectClient(QuerierService, { fetch: (request) => handler(request) });
    const nowMs = Date.now();
    const span = { start: BigInt(nowMs), end: BigInt(nowMs + 5000) };
    const labelSelector = `{service_name="canary", job="canary-exporter"}`;

    await connectClient(PusherService, { fetch: (request) => handler(request) }).push({
      series: [{
        labels: Object.entries({ ...LABELS, __name__: "deadmans_switch" }).map(([name, value]) => ({
          name,
          value,
        })),
        samples: [{
          rawProfile: pprofFile({
            types: [["made_up", "profilos"]],
            rows: [
              { stack: ["func2", "func1"], values: [10] },
              { stack: ["func1"], values: [20] },
              { stack: ["func1"], values: [5], labels: { profile_id: "00000bac2a5ab0c7" } },
            ],
            period: ["made_up", "profilos", 1],
            timeMs: nowMs,
          }),
        }],
      }],
    });
    const otlp = {
      dictionary: {
        stringTable: ["", "otlp_test", "count", "samples", "func1", "func2"],
        // Its first location is a real one, and there are no attributes.
        locationTable: [{ lines: [{ functionIndex: 1 }] }, { lines: [{ functionIndex: 2 }] }],
        functionTable: [{}, { nameStrindex: 4 }, { nameStrindex: 5 }],
        stackTable: [{ locationIndices: [1, 0] }],
      },
      resourceProfiles: [{
        resource: { attributes: [{ key: "service.name", value: { stringValue: "canary" } }] },
        scopeProfiles: [{
          profiles: [{
            sampleType: { typeStrindex: 1, unitStrindex: 2 },
            periodType: { typeStrindex: 1, unitStrindex: 3 },
            timeUnixNano: `${nowMs}000000`,
            samples: [{ stackIndex: 0, values: ["10"] }],
          }],
        }],
      }],
    };
    for (
      const [type, body] of [
        ["application/json", JSON.stringify(otlp)],
        ["application/x-protobuf", otlpBytes(otlp, "1.9")],
      ] as const
    ) {
      const headers = { "content-type": type };
      assertEquals((await ask("/v1development/profiles", { method: "POST", headers, body })).status, 200);
    }
    const app = `/ingest?name=canary-app.goroutines{job%3Dx}&from=${nowMs}`;
    assertEquals((await ask(app, { method: "POST", body: "main;park 7\n" })).status, 200);

    // On a busy machine it takes longer than those who ask would wait.
    await flusher.flushNow();

    await t.step("flame graphs, types, labels and series, as Pyroscope answers them", async () => {
      const { flamegraph } = await client.selectMergeStacktraces({
        profileTypeID: TYPE,
        labelSelector,
        ...span,
      });
      assertEquals(flamegraph!.names, ["total", "func1", "func2"]);
      assertEquals(flamegraph!.levels.map(({ values }) => values.map(Number)), [
        [0, 35, 0, 0],
        [0, 35, 25, 1],
        [25, 10, 10, 2],
      ]);
      const types = (await client.profileTypes(span)).profileTypes.map(({ ID }) => ID);
      assertEquals(
        types.filter((id) => id.includes("_") && !id.startsWith("process_cpu")).sort(),
        [TYPE, OTLP_TYPE].sort(),
      );
      const { labelsSet } = await client.series({
        ...span,
        labelNames: ["service_name", "__profile_type__"],
        matchers: [],
      });
      const pairs = labelsSet.map(({ labels }) => labels.map(({ value }) => value).sort().join());
      assertEquals(pairs.sort(), [
        `canary,${TYPE}`,
        `canary,${OTLP_TYPE}`,
        "canary-app,goroutines:goroutine:count:goroutine:count",
      ]);
      assertEquals(
        (await client.labelValues({ ...span, name: "job", matchers: [`{__profile_type__="${TYPE}"}`] }))
          .names,
        ["canary-exporter"],
      );
      const { series } = await client.selectSeries({
        ...{ profileTypeID: TYPE, labelSelector, ...span, step: 1000, groupBy: ["service_name"] },
      });
      assertEquals(
        series.map(({ labels, points }) => [
          labels.map(({ value }) => value),
          points.map(({ value }) => value),
        ]),
        [
          [["canary"], [35]],
        ],
      );
      const merged = await client.selectMergeProfile({
        profileTypeID: OTLP_TYPE,
        labelSelector: "{}",
        ...span,
      });
      // By JSON and by protobuf: two requests, as their bytes differ.
      assertEquals(merged.sample.reduce((sum, { value }) => sum + Number(value[0]), 0), 20);
    });
    await t.step("REST has them as kinds of their own", async () => {
      const range = `from=${nowMs / 1000 - 20}&to=${nowMs / 1000 + 20}`;
      const { kinds } = await (await ask(`/api/kinds?${range}`)).json();
      assertEquals(
        kinds.map(({ kind, total }: { kind: string; total: { value: number } }) => [kind, total.value]),
        [
          [TYPE, 35],
          ["goroutines:goroutine:count:goroutine:count", 7],
          [OTLP_TYPE, 20],
        ],
      );
      const flame = await (await ask(`/api/flamegraph?kind=${TYPE}&${range}`)).json();
      assertEquals([flame.selection.kind, flame.total.value], [TYPE, 35]);
      const folded = await (await ask(`/api/export/collapsed?kind=${TYPE}&${range}`)).text();
      assertEquals(folded, "canary;canary;func1 25\ncanary;canary;func1;func2 10\n");
    });
  },
);
