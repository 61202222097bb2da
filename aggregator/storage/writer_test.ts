import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  batchArbitrary,
  plainLocks,
  plainSamples,
  plainSyscalls,
} from "../../tests/support/random_batches.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { lockAt } from "../../profile/locks.ts";
import { syscallAt } from "../../profile/syscalls.ts";
import { rowCount } from "../../profile/model.ts";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { StorageClient, StorageError } from "./client.ts";
import type { ReceivedBatch } from "./rows.ts";
import { Writer } from "./writer.ts";

const DAY_NS = 86_400_000_000_000n;

/** Batches on three days. */
function someBatches(seed: number): ReceivedBatch[] {
  return fc.sample(batchArbitrary(30), { numRuns: 12, seed }).map((batch, i) => ({
    ...batch,
    startNs: batch.startNs + BigInt(i % 3) * DAY_NS,
    sequence: i + 1,
  }));
}

/** What is in the tables, each sum as exact text. */
async function contents(client: StorageClient) {
  const [samples] = await client.rows<{ value: string; count: string; days: string }>(
    "SELECT sum(samples.value) AS value, sum(samples.count) AS count, uniqExact(toDate(bucket)) AS days FROM samples",
  );
  const [batches] = await client.rows<{ rows: string }>("SELECT count() AS rows FROM batches");
  const [locks] = await client.rows<{ waits: string; delay: string }>(
    "SELECT sum(locks.count) AS waits, sum(locks.delay) AS delay FROM locks",
  );
  const [syscalls] = await client.rows<{ calls: string; failed: string; measured: string }>(
    `SELECT sum(syscalls.count) AS calls, sum(arraySum(mapValues(errors))) AS failed,
      sum(arraySum(mapValues(histogram))) AS measured FROM syscalls`,
  );
  return { ...samples!, ...locks!, ...syscalls!, batches: batches!.rows };
}

function expected(...groups: ReceivedBatch[][]) {
  const samples = plainSamples(groups.flat());
  const locks = plainLocks(groups.flat());
  const calls = plainSyscalls(groups.flat());
  const sum = (of: "value" | "count") =>
    String(samples.reduce((total, sample) => total + BigInt(sample[of]), 0n));
  const exact = (values: Iterable<number>) => {
    return String([...values].reduce((total, value) => total + BigInt(value), 0n));
  };
  const days = new Set(groups.flat().filter((b) => b.samples.kind.length > 0).map((b) => b.startNs / DAY_NS));
  return {
    value: sum("value"),
    count: sum("count"),
    days: String(days.size),
    waits: exact(locks.map(({ count }) => count)),
    delay: exact(locks.map(({ delay }) => delay)),
    calls: exact(calls.map(({ count }) => count)),
    failed: exact(calls.flatMap(({ errors }) => [...errors.values()])),
    measured: exact(calls.flatMap(({ histogram }) => histogram)),
    batches: String(groups.flat().length),
  };
}

testWith(["chdb"], "Writer.write() writes a group once, however often it is told to", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const [one, two] = [someBatches(1), someBatches(2)];
  const writer = new Writer(client);
  await writer.write({ token: "one", batches: one });
  await writer.write({ token: "two", batches: two });
  assertEquals(await contents(client), expected(one, two));
  assert(Number(expected(one).days) >= 3);
  await writer.write({ token: "one", batches: one });
  await new Writer(client).write({ token: "two", batches: two });
  assertEquals(await contents(client), expected(one, two));
  for (const table of ["samples", "locks", "syscalls"]) await client.command(`OPTIMIZE TABLE ${table} FINAL`);
  await new Writer(client).write({ token: "one", batches: one });
  assertEquals(await contents(client), expected(one, two));
  // The token tells, not the content.
  await writer.write({ token: "three", batches: one });
  assertEquals({ ...await contents(client), batches: "" }, { ...expected(one, one, two), batches: "" });
});

testWith(["chdb"], "Writer.write() knows a group after the engine was started again", async () => {
  const folder = await Deno.makeTempDir();
  const batches = someBatches(3);
  for (let start = 0; start < 2; start++) {
    await using storage = await startStorage(folder);
    await new Writer(storage.client).write({ token: "group", batches });
    assertEquals(await contents(storage.client), expected(batches));
  }
  await Deno.remove(folder, { recursive: true });
});

testWith(["chdb"], "Writer.write() completes a group that was cut off between any two tables", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const groups: ReceivedBatch[][] = [];
  for (
    const [i, table] of ["frames", "stacks", "series", "samples", "locks", "syscalls", "batches"].entries()
  ) {
    const batches = someBatches(10 + i);
    await client.command(`RENAME TABLE ${table} TO ${table}_away`);
    const writer = new Writer(client);
    const error = await assertRejects(
      () => writer.write({ token: table, batches }),
      StorageError,
      `'${table}'`,
    );
    assertEquals(error.code, 60);
    await client.command(`RENAME TABLE ${table}_away TO ${table}`);
    // Once by the process that failed, once by one that was started in its place.
    await (i % 2 ? writer : new Writer(client)).write({ token: table, batches });
    groups.push(batches);
    assertEquals(await contents(client), expected(...groups));
  }
  assertEquals(await dangling(client), [{ stacks: "0", frames: "0", series: "0" }]);
});

testWith(["chdb"], "Writer.write() completes a group of which some days' samples were written", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const batches = someBatches(4);
  await new Writer(client).write({ token: "group", batches });
  const [day] = await client.rows<{ id: string }>("SELECT toString(max(toDate(bucket))) AS id FROM samples");
  // Each part is recorded with its own block, so the record of a day's goes with the day's.
  for (const table of ["samples", "locks", "syscalls"]) {
    await client.command(`ALTER TABLE ${table} DROP PARTITION '${day!.id}'`);
  }
  assert((await contents(client)).count < expected(batches).count);
  await new Writer(client).write({ token: "group", batches });
  assertEquals(await contents(client), expected(batches));
});

testWith(["chdb"], "Writer.write() sends what samples refer to once a day", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const batches = someBatches(5);
  const writer = new Writer(client);
  const first = await writer.write({ token: "1", batches });
  const rows = batches.reduce((sum, batch) => sum + rowCount(batch), 0);
  assert(first.rows > rows + batches.length);
  assertEquals(await writer.write({ token: "2", batches }), { rows: rows + batches.length });
  const later = batches.map((batch) => ({ ...batch, startNs: batch.startNs + 10n * DAY_NS }));
  assertEquals(await writer.write({ token: "3", batches: later }), first);
  for (const table of ["stacks", "frames", "series"]) {
    await client.command(`OPTIMIZE TABLE ${table} FINAL`);
    const [row] = await client.rows<Record<string, string | number>>(
      `SELECT count() = uniqExact(hash) AS once, min(day) > toDate('2026-11-29') AS newest FROM ${table}`,
    );
    assertEquals(row, { once: 1, newest: 1 });
  }
  assertEquals(await dangling(client), [{ stacks: "0", frames: "0", series: "0" }]);
});

testWith(["chdb"], "Writer.write() takes batches of any time, on any number of days", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const [batch] = someBatches(6).filter((each) => each.samples.kind.length > 0);
  const times = [0n, 1n, 2n ** 32n * 1_000_000_000n, 2n ** 64n - 1n];
  const days = Array.from({ length: 150 }, (_, i) => BigInt(20_000 + i) * DAY_NS);
  const batches = [...times, ...days].map((startNs, i) => ({
    ...batch!,
    startNs,
    endNs: startNs,
    sequence: i,
  }));
  await new Writer(client).write({ token: "group", batches });
  const { value, count, batches: rows } = expected(batches);
  const now = await contents(client);
  assertEquals([now.value, now.count, now.batches], [value, count, rows]);
});

testWith(["chdb"], "Writer.write() puts samples in the bucket in which their batch starts", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const [batch] = someBatches(7).filter((each) => each.samples.kind.length > 0);
  const at = (second: bigint) => ({ ...batch!, startNs: second * 1_000_000_000n + 999_999_999n });
  await new Writer(client, { bucket: 60 }).write({ token: "group", batches: [at(120n), at(179n), at(180n)] });
  assertEquals(
    await client.rows("SELECT DISTINCT toUnixTimestamp(bucket) AS bucket FROM samples ORDER BY bucket"),
    [{ bucket: 120 }, { bucket: 180 }],
  );
});

Deno.test("Writer refuses buckets that are no whole seconds", async () => {
  await using client = new StorageClient({ url: "http://127.0.0.1:1" });
  await assertRejects(
    async () => await Promise.resolve(new Writer(client, { bucket: 0.5 })),
    RangeError,
    "0.5",
  );
});

Deno.test("StorageClient says which server does not answer, and nothing of the password", async () => {
  await using client = new StorageClient({
    url: "http://127.0.0.1:1",
    database: "profiles",
    password: "secret",
  });
  const error = await assertRejects(() => client.ping(), StorageError);
  assertStringIncludes(
    error.message,
    "Cannot query database 'profiles' of ClickHouse at http://127.0.0.1:1: no answer: ",
  );
  assertStringIncludes(error.message, "ECONNREFUSED");
  assertEquals(error.code, undefined);
  assertEquals(Deno.inspect(error).includes("secret"), false);
  const writer = new Writer(client);
  await assertRejects(
    () => writer.write({ token: "t", batches: someBatches(1) }),
    StorageError,
    "Cannot insert into 'frames'",
  );
});

testWith(["chdb"], "StorageClient says what the server refuses", async () => {
  await using storage = await startStorage();
  await assertRejects(
    () => storage.client.rows("SELECT * FROM nowhere"),
    StorageError,
    "error 60 UNKNOWN_TABLE: ",
  );
  await using stranger = new StorageClient({ ...storage.options, password: "wrong" });
  const error = await assertRejects(() => stranger.ping(), StorageError);
  assertStringIncludes(error.message, String(storage.client.server));
});

testWith(["chdb"], "StorageClient.rows() stops waiting when its signal says so", async () => {
  await using storage = await startStorage();
  const slow = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000) SETTINGS max_execution_time = 2";
  const controller = new AbortController();
  const answer = storage.client.rows(slow, { signal: controller.signal });
  const started = "SELECT 1 FROM system.processes WHERE query LIKE 'SELECT sum(cityHash64%'";
  while ((await storage.client.rows(started)).length === 0) { /* until the engine has it */ }
  controller.abort(new Error("enough"));
  await assertRejects(() => answer, Error, "enough");
});

testWith(["chdb"], "Writer.write() makes calls that overlap one after the other", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const writer = new Writer(client);
  // The same stacks in two groups: the second leaves out what the first has written, or has not.
  const batches = someBatches(8);
  const groups = [
    { token: "1", batches },
    { token: "2", batches: batches.map((batch) => ({ ...batch, agentId: "another" })) },
  ];
  await client.command("RENAME TABLE frames TO frames_away");
  for (const { status } of await Promise.allSettled(groups.map((group) => writer.write(group)))) {
    assertEquals(status, "rejected");
  }
  await client.command("RENAME TABLE frames_away TO frames");
  await Promise.all(groups.map((group) => writer.write(group)));
  assertEquals(await contents(client), expected(batches, groups[1]!.batches));
  assertEquals(await dangling(client), [{ stacks: "0", frames: "0", series: "0" }]);
});

testWith(["chdb"], "waits and calls are summed by merges, with the shortest and the longest", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  // The same keys again, in one bucket, so that merges have what to sum.
  const batches = fc.sample(batchArbitrary(40), { numRuns: 10, seed: 9 }).flatMap((one) => {
    const batch = { ...one, node: "n1", startNs: 1_800_000_000_000_000_000n };
    const { locks, syscalls } = batch;
    const longer = {
      ...syscalls,
      min: syscalls.min.map((ns) => ns + 1),
      max: syscalls.max.map((ns) => ns + 1),
    };
    return [
      batch,
      { ...batch, locks: { ...locks, max: locks.max.map((ns) => ns + 1) }, syscalls: longer },
      batch,
    ];
  });
  for (const [i, batch] of batches.entries()) {
    await new Writer(client).write({ token: String(i), batches: [batch] });
  }
  const builder = new ProfileBuilder();
  for (const batch of batches) builder.merge(batch);
  const whole = builder.build();
  await client.command("OPTIMIZE TABLE locks FINAL");
  await client.command("OPTIMIZE TABLE syscalls FINAL");
  const locks = await client.rows<Record<string, string>>(
    "SELECT class, type, outcome, count, delay, max, holder_stack != 0 AS held FROM locks",
  );
  const lockKey = (row: Record<string, unknown>) => {
    return [row["class"], row["type"], row["outcome"], row["count"], row["delay"], row["max"], row["held"]]
      .join();
  };
  const expectedLocks = Array.from(whole.locks.outcome, (_, row) => {
    const lock = lockAt(whole, row);
    return lockKey({ ...lock, held: lock.holder ? 1 : 0 });
  });
  assertEquals(locks.map(lockKey).sort(), expectedLocks.sort());
  const calls = await client.rows<Record<string, unknown>>(
    `SELECT call, category, count, total, min, max, mapSort(errors) AS errors, mapSort(histogram) AS histogram
    FROM syscalls`,
  );
  const callKey = (row: Record<string, unknown>) => {
    const map = (name: string) =>
      JSON.stringify(Object.entries(row[name] as object).map(([k, v]) => [k, String(v)]));
    return [
      ...[row["call"], row["category"], row["count"], row["total"], row["min"], row["max"]],
      ...[map("errors"), map("histogram")],
    ].join();
  };
  const expectedCalls = Array.from(whole.syscalls.call, (_, row) => {
    const { errors, histogram, ...call } = syscallAt(whole, row);
    return callKey({
      ...call,
      errors: Object.fromEntries(errors),
      histogram: Object.fromEntries(histogram.entries().filter(([, calls]) => calls > 0)),
    });
  });
  assertEquals(calls.map(callKey).sort(), expectedCalls.sort());
  assert(locks.length * 3 <= plainLocks(batches).length && calls.length * 3 <= plainSyscalls(batches).length);
});

/** How many rows refer to others that are not there. */
async function dangling(client: StorageClient) {
  return await client.rows(`SELECT
    (SELECT count() FROM (
      SELECT stack FROM samples UNION ALL SELECT stack FROM locks UNION ALL
      SELECT holder_stack FROM locks WHERE holder_stack != 0
    ) WHERE stack NOT IN (SELECT hash FROM stacks)) AS stacks,
    (SELECT count() FROM (SELECT arrayJoin(frames) AS frame FROM stacks) WHERE frame NOT IN (SELECT hash FROM frames)) AS frames,
    (SELECT count() FROM (
      SELECT series FROM samples UNION ALL SELECT series FROM locks UNION ALL SELECT series FROM syscalls
      UNION ALL SELECT holder_series FROM locks WHERE holder_series != 0
    ) WHERE series NOT IN (SELECT hash FROM series)) AS series`);
}
