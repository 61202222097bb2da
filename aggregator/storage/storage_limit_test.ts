// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { makeBatch } from "../../tests/support/batches.ts";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { enforceLimit, type Partition, partitionsToDrop } from "./storage_limit.ts";
import { Writer } from "./writer.ts";

const HOUR_NS = 3_600_000_000_000n;

const partition: fc.Arbitrary<Partition> = fc.record({
  table: fc.constantFrom("samples", "locks", "samples_1m", "batches", "samples_1h", "stacks"),
  hour: fc.nat(5),
  bytes: fc.nat(1000),
}).map(({ table, hour, bytes }) => ({ table, id: String(hour), bytes, newest: hour * 3600 }));

Deno.test("partitionsToDrop() lets the oldest hours go first, no more than it must, and never the newest", () => {
  fc.assert(fc.property(fc.array(partition), fc.nat(5000), (partitions, limit) => {
    const dropped = partitionsToDrop(partitions, limit);
    const left = partitions.filter((each) => !dropped.includes(each));
    const bytes = (of: readonly Partition[]) => of.reduce((sum, each) => sum + each.bytes, 0);
    assert(dropped.length === 0 || bytes(left) + dropped.at(-1)!.bytes > limit);
    assert(!dropped.some(({ table }) => table === "stacks"));
    const level = (table: string) =>
      table.endsWith("_1h") ? 2 : table.endsWith("_1m") || table === "batches" ? 1 : 0;
    for (const each of dropped) {
      const own = left.filter(({ table }) => level(table) === level(each.table));
      assert(own.some(({ newest }) => newest > each.newest));
    }
    const levels = dropped.map(({ table }) => level(table));
    assertEquals(levels, levels.toSorted());
    if (bytes(left) <= limit) return;
    // What is too much still is only what must stay.
    for (const  of of[0, 1, 2]) {
      assert(
        new Set(left.filter(({ table }) => table !== "stacks" && level(table) === of).map(({ id }) => id))
          .size <= 1,
      );
    }
  }));
});

testWith(["chdb"], "enforceLimit() drops the oldest hour, and storage goes on taking batches", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const writer = new Writer(client);
  const start = 1_795_000_000_000_000_000n / HOUR_NS * HOUR_NS;
  const write = async (hour: number) => {
    const startNs = start + BigInt(hour) * HOUR_NS;
    const batch = makeBatch({ samples: 2000, sequence: hour + 1 });
    await writer.write({
      token: `${hour}`,
      batches: [{ ...batch, startNs, endNs: startNs + 1n, receivedMs: 0 }],
    });
  };
  const hours = async (table: string) => {
    const rows = await client.rows<{ hour: string }>(
      `SELECT DISTINCT intDiv(toUnixTimestamp(time), 3600) - ${
        start / HOUR_NS
      } AS hour FROM ${table} ORDER BY hour`,
    );
    return rows.map(({ hour }) => Number(hour));
  };
  for (const hour of [0, 1, 2]) await write(hour);
  const [{ bytes }] = await client.rows<{ bytes: string }>(
    "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = currentDatabase()",
  ) as [{ bytes: string }];
  assertEquals(await enforceLimit(client, { bytes: Number(bytes) + 1_000_000 }), []);
  const dropped = await enforceLimit(client, { bytes: Number(bytes) - 1 });
  assertEquals(dropped.map(({ table }) => table), ["samples"]);
  assertEquals([await hours("samples"), await hours("samples_1h")], [[1, 2], [0, 1, 2]]);
  // However small the bound is, the newest of each resolution stays.
  await enforceLimit(client, { share: 1e-12 });
  assertEquals([await hours("samples"), await hours("samples_1h")], [[2], [0, 1, 2]]);
  await write(3);
  assertEquals(await hours("samples"), [2, 3]);
});
