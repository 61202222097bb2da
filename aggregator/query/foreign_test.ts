// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { foldedStacks } from "../../profile/formats/folded.ts";
import type { ProfileType } from "../../profile/profile_type.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import { testWith } from "../../tests/support/needs.ts";
import { PATIENT, startStorage } from "../../tests/support/storage.ts";
import type { ReceivedBatch } from "../storage/part.ts";
import { Writer } from "../storage/writer.ts";
import { createQueries } from "./queries.ts";
import type { Selection } from "./asked.ts";

const HEAP = "memory:inuse_space:bytes:space:bytes";
const WALL = "wall:wall:nanoseconds:wall:nanoseconds";
const FIRST_MS = Date.UTC(2026, 10, 20, 23, 58, 0);

interface Row {
  readonly type: ProfileType;
  readonly service: string;
  readonly leaf: string;
  readonly value: number;
}

const row: fc.Arbitrary<Row> = fc.record({
  type: fc.constantFrom<ProfileType>(HEAP, WALL),
  service: fc.constantFrom("cart", "it's; --"),
  leaf: fc.constantFrom("alloc", "parse", "main.run"),
  // 3 PiB, and their sums beyond 2^53 in no test: what is compared is exact.
  value: fc.oneof(fc.nat(1000), fc.constant(3 * 2 ** 50 / 1024)),
});

function batchOf(sequence: number, startMs: number, rows: readonly Row[]): ReceivedBatch {
  const to = new ProfileBuilder();
  const frame = (name: string) =>
    to.frame({ function: name, module: "app", file: "a.go", line: 3, buildId: "", address: 0 });
  for (const { type, service, leaf, value } of rows) {
    to.add(type, to.series({ service, comm: service }), to.stack([frame(leaf), frame("main")]), value, 1);
  }
  // What the agent counts beside it is none of these.
  to.add("cpu", to.series({ service: "cart" }), to.stack([frame("main")]), 5, 1);
  const startNs = BigInt(startMs) * 1_000_000n;
  const batch = {
    ...to.build(),
    ...{ agentId: "sdk", epoch: 1_700_000_000_000_000_000n, sequence, node: "n", agentVersion: "1" },
    ...{ startNs, endNs: startNs + 10_000_000_000n, losses: new Map() },
  };
  // By the wire, as ingest hands them on.
  return { ...readBatch(writeBatch(batch)), receivedMs: startMs };
}

testWith(
  ["chdb"],
  "what others measured is stored once, rolled up, and answered as a kind of its own",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(150), fc.array(row, { minLength: 1, maxLength: 12 })), {
          minLength: 1,
          maxLength: 5,
        }),
        async (groups) => {
          await using storage = await startStorage();
          const { client } = storage;
          const batches = groups.map(([second, rows], i) => batchOf(i + 1, FIRST_MS + second * 1000, rows));
          for (const _ of [1, 2]) await new Writer(client).write({ token: "t", batches });
          const all = groups.flatMap(([, rows]) => rows);
          const sum = (type: ProfileType) =>
            all.filter((r) => r.type === type).reduce((s, r) => s + r.value, 0);
          for (const suffix of ["", "_1m", "_1h"]) {
            const rows = await client.rows<{ type: string; value: string; count: string }>(
              `SELECT type, toString(sum(value)) AS value, toString(sum(count)) AS count FROM profiles${suffix} GROUP BY type ORDER BY type`,
            );
            const kept = ([HEAP, WALL] as const).filter((type) => all.some((r) => r.type === type));
            assertEquals(
              rows.map(({ type, value, count }) => [type, Number(value), Number(count)]),
              kept.map((type) => [type, sum(type), all.filter((r) => r.type === type).length]),
            );
          }
          const queries = createQueries(client, PATIENT);
          const range = { from: FIRST_MS, to: FIRST_MS + 3_600_000, matchers: [] };
          const kinds = (await queries.kinds(range)).kinds;
          assertEquals(kinds[0], {
            kind: "cpu",
            total: { value: 5 * batches.length, count: batches.length },
          });
          assertEquals(
            kinds.slice(1).map(({ kind, total }) => [kind, total.value]),
            ([HEAP, WALL] as const).filter((type) => all.some((r) => r.type === type)).map((
              type,
            ) => [type, sum(type)]),
          );
          const heap: Selection = { ...range, kind: HEAP };
          const { graph, total } = await queries.tree(heap, { firstLevels: ["service"] });
          assertEquals([graph.unit, total.value, graph.total], ["bytes", sum(HEAP), sum(HEAP)]);
          const byService = (await queries.labelValues("service", heap)).values;
          for (const { value, total } of byService) {
            assertEquals(
              total.value,
              all.filter((r) => r.type === HEAP && r.service === value).reduce((s, r) => s + r.value, 0),
            );
          }
          const one: Selection = { ...heap, matchers: [{ label: "service", operator: "=", value: "cart" }] };
          const { profile } = await queries.stacks(one);
          const lines = foldedStacks(profile, { kind: HEAP }).trimEnd().split("\n").filter((line) =>
            line !== ""
          );
          const own = all.filter((r) => r.type === HEAP && r.service === "cart");
          assertEquals(
            lines.reduce((s, line) => s + Number(line.slice(line.lastIndexOf(" "))), 0),
            own.reduce((s, r) => s + r.value, 0),
          );
          const steps = await queries.timeline(heap, { by: "service", step: 60 });
          assertEquals(steps.lanes.flatMap(({ value }) => value).reduce((a, b) => a + b, 0), sum(HEAP));
        },
      ),
      { numRuns: 1 },
    );
  },
);
