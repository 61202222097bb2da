// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  batchArbitrary,
  healing,
  plainHolds,
  plainLocks,
  plainSamples,
  plainSlowCalls,
  plainSyscalls,
} from "../../tests/support/random_batches.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { IDLE_CATEGORIES, IDLE_CLASSES } from "../../profile/idle.ts";
import { lockAt } from "../../profile/locks.ts";
import { syscallAt } from "../../profile/syscalls.ts";
import { type LockColumns, OUTCOME_NUMBER, rowCount } from "../../profile/model.ts";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { StorageClient, StorageError } from "./client.ts";
import type { ReceivedBatch } from "./part.ts";
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

/** Holds what is in the tables, each sum as exact text. */
async function contents(client: StorageClient) {
  const [samples] = await client.rows<{ value: string; count: string; days: string }>(
    "SELECT sum(samples.value) AS value, sum(samples.count) AS count, uniqExact(toDate(period)) AS days FROM samples",
  );
  const [batches] = await client.rows<{ rows: string }>("SELECT count() AS rows FROM batches");
  const [locks] = await client.rows<{ waits: string; delay: string }>(
    "SELECT sum(locks.count) AS waits, sum(locks.delay) AS delay FROM locks",
  );
  const [syscalls] = await client.rows<{ calls: string; failed: string; measured: string }>(
    `SELECT sum(syscalls.count) AS calls, sum(arraySum(mapValues(errors))) AS failed,
      sum(arraySum(mapValues(histogram))) AS measured FROM syscalls`,
  );
  const [holds] = await client.rows<{ held: string }>("SELECT sum(holds.total) AS held FROM holds");
  const [slow] = await client.rows<{ slow: string }>("SELECT sum(slow_calls.total) AS slow FROM slow_calls");
  return { ...samples!, ...locks!, ...syscalls!, ...holds!, ...slow!, batches: batches!.rows };
}

/** Holds the sums of minutes and hours equal to those of 10 s, bucket by bucket. */
async function checkRollups(client: StorageClient): Promise<void> {
  const amounts = {
    samples: ["kind, idle, node, series, stack", "sum(value)", "sum(count)"],
    locks: [
      "node, series, stack, class, type, outcome, address, holder_series, holder_stack",
      "sum(count)",
      "max(open)",
      "sum(delay)",
      "max(max)",
      "sumMap(histogram)",
    ],
    holds: ["node, series, stack, class", "sum(count)", "sum(total)", "max(max)", "sumMap(histogram)"],
    slow_calls: [
      "node, series, call, category, object",
      ...["sum(count)", "sum(total)", "sum(on_cpu)", "sum(in_lock)", "max(max)"],
    ],
    syscalls: [
      "node, series, call, category",
      "sum(count)",
      "sum(total)",
      "min(min)",
      "max(max)",
      "sumMap(errors)",
      "sumMap(histogram)",
      "max(open)",
      "max(oldest)",
    ],
  };
  const digest = async (sql: string, step: number, [keys, ...sums]: readonly string[]) => {
    const [row] = await client.rows<{ rows: string; digest: string }>(
      `SELECT count() AS rows, sum(cityHash64(*)) AS digest FROM (
        SELECT intDiv(toUnixTimestamp(time), ${step}) AS slot, ${keys}, ${
        sums.join(", ")
      } FROM ${sql} GROUP BY slot, ${keys}
      )`,
    );
    return row;
  };
  for (const [table, columns] of Object.entries(amounts)) {
    for (const [suffix, step] of [["_1m", 60], ["_1h", 3600]] as const) {
      assertEquals(
        await digest(`${table}${suffix}`, step, columns),
        await digest(table, step, columns),
        `${table}${suffix}`,
      );
    }
  }
  const woken =
    "delay AS value, if(outcome = 'woken', locks.count, 0) AS count FROM locks WHERE outcome IN ('woken', 'open')";
  const all = `(
    SELECT kind, idle, time, node, series, value, count FROM samples WHERE kind = 'cpu'
    UNION ALL SELECT 'lock', class IN (${
    IDLE_CLASSES.map((name) => `'${name}'`)
  }), time, node, series, ${woken}
    UNION ALL SELECT 'syscall', category IN (${
    IDLE_CATEGORIES.map((name) => `'${name}'`)
  }), time, node, series, total, count FROM syscalls
  )`;
  for (const [table, step] of [["totals_1m", 60], ["totals_1h", 3600]] as const) {
    const columns = [
      "toString(kind) AS kind, toBool(idle) AS idle, node, series",
      "sum(value)",
      "sum(count)",
    ];
    const keys = ["kind, idle, node, series", "sum(value)", "sum(count)"];
    const cast = (sql: string) =>
      `(SELECT ${columns[0]}, time, value, count FROM ${sql} WHERE value + count > 0)`;
    assertEquals(await digest(cast(table), step, keys), await digest(cast(all), step, keys), table);
  }
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
    waits: exact(locks.map(({ outcome, count }) => outcome === "open" ? 0 : count)),
    delay: exact(locks.map(({ delay }) => delay)),
    calls: exact(calls.map(({ count }) => count)),
    failed: exact(calls.flatMap(({ errors }) => [...errors.values()])),
    measured: exact(calls.flatMap(({ histogram }) => histogram)),
    held: exact(plainHolds(groups.flat()).map(({ total }) => total)),
    slow: exact(plainSlowCalls(groups.flat()).map(({ total }) => total)),
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
  for (const table of ["samples", "locks", "holds", "syscalls", "slow_calls"]) {
    await client.command(`OPTIMIZE TABLE ${table} FINAL`);
  }
  await new Writer(client).write({ token: "one", batches: one });
  assertEquals(await contents(client), expected(one, two));
  // The token tells, not the content.
  await writer.write({ token: "three", batches: one });
  assertEquals({ ...await contents(client), batches: "" }, { ...expected(one, one, two), batches: "" });
  await checkRollups(client);
});

testWith(["chdb"], "Writer.write() knows a group after the engine was started again", async () => {
  const folder = await Deno.makeTempDir();
  const batches = someBatches(3);
  for (let start = 0; start < 2; start++) {
    await using storage = await startStorage({ dataDir: folder });
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
    const [i, table] of [
      ...["functions", "symbols", "locations", "stacks", "series", "samples", "locks", "holds", "syscalls"],
      ...["slow_calls", "batches", "samples_1m", "samples_1h", "locks_1m", "holds_1h", "syscalls_1h"],
      ...["slow_calls_1m", "totals_1m", "totals_1h"],
    ].entries()
  ) {
    const batches = someBatches(10 + i);
    await client.command(`RENAME TABLE ${table} TO ${table}_away`);
    const writer = new Writer(client);
    const error = await assertRejects(
      () => writer.write({ token: table, batches }),
      StorageError,
      `'${table.replace(/_1.$/, "").replace("totals", "samples")}'`,
    );
    assertEquals(error.code, 60);
    await client.command(`RENAME TABLE ${table}_away TO ${table}`);
    // Once by the process that failed, once by one that was started in its place.
    await (i % 2 ? writer : new Writer(client)).write({ token: table, batches });
    groups.push(batches);
    assertEquals(await contents(client), expected(...groups));
  }
  assertEquals(await dangling(client), NOTHING_DANGLES);
  await checkRollups(client);
});

testWith(["chdb"], "Writer.write() completes a group of which some days' samples were written", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const batches = someBatches(4);
  await new Writer(client).write({ token: "group", batches });
  const partitions = await client.rows<{ table: string; id: string }>(
    `SELECT DISTINCT table, partition_id AS id FROM system.parts
    WHERE active AND database = currentDatabase() AND max_time > toDateTime((SELECT max(period) FROM samples), 'UTC')`,
  );
  // Each part is recorded with its own block, so the record of an hour's goes with the hour's.
  for (const { table, id } of partitions) {
    await client.command(`ALTER TABLE ${table} DROP PARTITION ID '${id}'`);
  }
  await new Writer(client).write({ token: "group", batches });
  assertEquals(await contents(client), expected(batches));
  await checkRollups(client);
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
  for (
    const [table, key] of [
      ["functions", "key"],
      ["symbols", "(location, rank)"],
      ["locations", "hash"],
      ["stacks", "hash"],
      ["series", "hash"],
    ] as const
  ) {
    await client.command(`OPTIMIZE TABLE ${table} FINAL`);
    const [row] = await client.rows<Record<string, string | number>>(
      `SELECT count() = uniqExact(${key}) AS once, min(day) > toDate('2026-11-29') AS newest FROM ${table}`,
    );
    assertEquals(row, { once: 1, newest: 1 });
  }
  assertEquals(await dangling(client), NOTHING_DANGLES);
  await checkRollups(client);
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
  const batches = [at(3720n), at(3729n), at(3730n), at(7199n)];
  await new Writer(client).write({ token: "group", batches });
  const times = async (table: string) => {
    const rows = await client.rows<{ second: number }>(
      `SELECT DISTINCT toUnixTimestamp(time) AS second FROM ${table} ORDER BY second`,
    );
    return rows.map(({ second }) => second);
  };
  assertEquals(await times("samples"), [3720, 3730, 7190]);
  assertEquals(await times("samples_1m"), [3720, 7140]);
  assertEquals(await times("samples_1h"), [3600]);
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
    "Cannot insert into 'functions'",
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
  await client.command("RENAME TABLE symbols TO symbols_away");
  for (const { status } of await Promise.allSettled(groups.map((group) => writer.write(group)))) {
    assertEquals(status, "rejected");
  }
  await client.command("RENAME TABLE symbols_away TO symbols");
  await Promise.all(groups.map((group) => writer.write(group)));
  assertEquals(await contents(client), expected(batches, groups[1]!.batches));
  assertEquals(await dangling(client), NOTHING_DANGLES);
  await checkRollups(client);
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
  for (const batch of batches) builder.merge({ ...batch, locks: withoutOpen(batch.locks) });
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
  // What is open has no sum: the most of one batch counts.
  const heal = healing(batches);
  const most = new Map<string, number>();
  for (const { count, delay: _delay, max: _max, histogram: _histogram, ...lock } of plainLocks(batches)) {
    if (lock.outcome !== "open") continue;
    const holder = lock.holder && { ...lock.holder, frames: heal(lock.holder.frames) };
    const key = JSON.stringify({ ...lock, frames: heal(lock.frames), holder });
    most.set(key, Math.max(most.get(key) ?? 0, count));
  }
  const open = await client.rows<{ open: string }>("SELECT open FROM locks WHERE outcome = 'open'");
  assertEquals(open.map(({ open }) => Number(open)).sort(), [...most.values()].sort());
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

/** Returns `locks` with no count where they are open. */
function withoutOpen(locks: LockColumns): LockColumns {
  const count = locks.count.map((waits, row) => locks.outcome[row] === OUTCOME_NUMBER.open ? 0 : waits);
  return { ...locks, count };
}

const NOTHING_DANGLES = [{ stacks: "0", locations: "0", symbols: "0", functions: "0", series: "0" }];

/** Counts rows that refer to others that are not there. */
async function dangling(client: StorageClient) {
  return await client.rows(`SELECT
    (SELECT count() FROM (
      SELECT stack FROM samples UNION ALL SELECT stack FROM locks UNION ALL
      SELECT holder_stack FROM locks WHERE holder_stack != 0 UNION ALL SELECT stack FROM holds
    ) WHERE stack NOT IN (SELECT hash FROM stacks)) AS stacks,
    (SELECT count() FROM (SELECT arrayJoin(locations) AS location FROM stacks) WHERE location NOT IN (SELECT hash FROM locations)) AS locations,
    (SELECT count() FROM locations WHERE hash NOT IN (SELECT location FROM symbols)) AS symbols,
    (SELECT count() FROM (SELECT arrayJoin(functions) AS key FROM symbols) WHERE key NOT IN (SELECT key FROM functions)) AS functions,
    (SELECT count() FROM (
      SELECT series FROM samples UNION ALL SELECT series FROM locks UNION ALL SELECT series FROM syscalls
      UNION ALL SELECT holder_series FROM locks WHERE holder_series != 0
      UNION ALL SELECT series FROM holds UNION ALL SELECT series FROM slow_calls
    ) WHERE series NOT IN (SELECT hash FROM series)) AS series`);
}
