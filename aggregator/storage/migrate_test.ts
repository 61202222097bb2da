// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import {
  checkVersion,
  createDatabase,
  migrate,
  type Migration,
  MigrationError,
  pendingMigrations,
  readMigrations,
} from "./migrate.ts";
import { StorageClient } from "./client.ts";
import { DEFAULT_RETENTION, setRetention } from "./retention.ts";

const ONE: Migration = { number: 1, name: "0001_one", sql: "SELECT 1" };
const ONE_CHECKSUM = "e004ebd5b5532a4b85984a62f8ad48a81aa3460c1ca07701f386135d72cdecf5";

Deno.test("readMigrations() numbers the files one after the other", () => {
  readMigrations().forEach(({ number, name }, i) => {
    assertEquals(number, i + 1);
    assertEquals(name.slice(0, 5), String(i + 1).padStart(4, "0") + "_");
  });
});

Deno.test("readMigrations() refuses a gap", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/0001_a.sql`, "");
  await Deno.writeTextFile(`${folder}/0003_c.sql`, "");
  assertThrows(() => readMigrations(new URL(`file://${folder}/`)), MigrationError, "0003_c.sql");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("pendingMigrations() refuses one that was changed after it was applied", () => {
  const applied = [{ number: 1, name: "0001_one", checksum: ONE_CHECKSUM }];
  assertEquals(pendingMigrations("db", [ONE], applied), []);
  const changed = { ...ONE, sql: "SELECT 2" };
  assertThrows(() => pendingMigrations("db", [changed], applied), MigrationError, "0001_one was changed");
});

Deno.test("pendingMigrations() takes one that only got the line of its licence as the same", () => {
  const applied = [{ number: 1, name: "0001_one", checksum: ONE_CHECKSUM }];
  for (const end of ["\n", "\n\n"]) {
    const sql = `-- SPDX-License-Identifier: Apache-2.0${end}${ONE.sql}`;
    assertEquals(pendingMigrations("db", [{ ...ONE, sql }], applied), []);
  }
});

Deno.test("pendingMigrations() takes one that two aggregators applied at once as applied", () => {
  const applied = [{ number: 1, name: "0001_one", checksum: ONE_CHECKSUM }];
  const two = { number: 2, name: "0002_two", sql: "SELECT 2" };
  assertEquals(pendingMigrations("db", [ONE, two], [...applied, ...applied]), [two]);
});

Deno.test("pendingMigrations() refuses the database of a newer version", () => {
  const applied = [{ number: 2, name: "0002_two", checksum: "" }];
  assertThrows(
    () => pendingMigrations("db", [ONE], applied),
    MigrationError,
    "it has migration 0002_two, this version knows 1",
  );
});

Deno.test("checkVersion() refuses a server that cannot answer, and takes newer ones", () => {
  for (const version of ["25.8.1.5101", "25.12.3", "26.1.1", "26.7.2.1-embedded"]) checkVersion(version);
  for (const version of ["25.7.9", "24.12.1", "9.9"]) {
    assertThrows(
      () => checkVersion(version),
      MigrationError,
      `ClickHouse ${version} as it is older than 25.8`,
    );
  }
});

testWith(["chdb"], "migrate() does nothing the second time, and what is new the third", async () => {
  await using storage = await startStorage();
  const { client, options } = storage;
  assertEquals(await migrate(client), []);
  await createDatabase(options);
  const tables = () =>
    client.rows("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()");
  const before = await tables();
  assertEquals(before.length, 54);
  const number = readMigrations().length + 1;
  const more = {
    number,
    name: `${String(number).padStart(4, "0")}_more`,
    sql: "SELECT 1; CREATE TABLE more (a UInt8) ENGINE = Memory;",
  };
  assertEquals(await migrate(client, [...readMigrations(), more]), [more.name]);
  assertEquals((await tables()).length, 55);
  await assertRejects(() => migrate(client), MigrationError, "newer version");
});

testWith(["chdb"], "migrate() runs a migration again that was cut off before it was recorded", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  await client.command("TRUNCATE TABLE migrations");
  const names = readMigrations().map(({ name }) => name);
  assertEquals(await migrate(client), names);
  assertEquals((await client.rows("SELECT * FROM migrations")).length, names.length);
});

testWith(
  ["chdb"],
  "migrate() changes nothing that an older version stored, nor do merges after it",
  async () => {
    await using storage = await startStorage();
    const options = { ...storage.options, database: `${storage.options.database}_old` };
    await createDatabase(options);
    await using client = new StorageClient(options);
    await using dropped = new AsyncDisposableStack();
    dropped.defer(() => client.command(`DROP DATABASE ${options.database} SYNC`));
    const all = readMigrations();
    await migrate(client, all.slice(0, 11));
    await client.command(
      `INSERT INTO samples (kind, idle, period, node, series, stack, bucket, value, count)
    SELECT if(number % 7 = 0, 'syscall', 'cpu'), false, toDateTime('2026-06-15 10:00:00', 'UTC'), concat('n', toString(number % 3)),
      number % 5, cityHash64(number % 90), number % 360, if(number % 7 = 0, cityHash64(number) % 1000000007, 10101010 * (number % 11)), number % 11
    FROM numbers(30000)`,
    );
    await client.command(
      `INSERT INTO stacks SELECT number, arrayMap(i -> cityHash64(i, number % (i + 1)), range(number % 200)), '2026-06-15'
      FROM numbers(2000)`,
    );
    const tables = ["samples", "samples_1m", "samples_1h", "samples_1d", "totals_1m", "totals_1h"];
    const stored = async () => [
      await client.rows("SELECT * FROM stacks ORDER BY hash"),
      ...await Promise.all(tables.map((table) =>
        client.rows(
          `SELECT kind, node, series, time, sum(t.value) AS value, sum(t.count) AS count, uniqExact(${
            table.startsWith("samples") ? "stack" : "series"
          }) AS keys FROM ${table} AS t GROUP BY kind, node, series, time ORDER BY ALL`,
        )
      )),
    ];
    const before = await stored();
    assertEquals(before.every((rows) => rows.length > 0), true);
    assertEquals(await migrate(client), all.slice(11).map(({ name }) => name));
    assertEquals(await stored(), before);
    for (const table of ["stacks", ...tables]) await client.command(`OPTIMIZE TABLE ${table} FINAL`);
    assertEquals(await stored(), before);
  },
);

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

testWith(["chdb"], "setRetention() lets each resolution go in its time, and names last", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const ttl = async () => {
    const rows = await client.rows<{ name: string; hours: string }>(
      `SELECT name, extract(engine_full, 'TTL .*toIntervalHour\\\\((\\\\d+)\\\\)') AS hours FROM system.tables
      WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name NOT IN ('migrations', 'alert_rules')`,
    );
    return Object.fromEntries(rows.map(({ name, hours }) => [name, Number(hours)]));
  };
  const all = (fine: number, minutes: number, hours: number, names = hours) => ({
    ...Object.fromEntries(
      ["turns", "outcomes", "deliveries", "silences"].map((table) => [`alert_${table}`, minutes - 24]),
    ),
    ...{ samples: fine, locks: fine, syscalls: fine, profiles: fine, batches: minutes - 24 },
    ...{
      samples_1m: minutes,
      locks_1m: minutes,
      syscalls_1m: minutes,
      profiles_1m: minutes,
      totals_1m: minutes,
    },
    ...{ samples_1h: hours, locks_1h: hours, syscalls_1h: hours, profiles_1h: hours, totals_1h: hours },
    samples_1d: hours + 30 * 24,
    ...{ holds: fine, holds_1m: minutes, holds_1h: hours },
    ...{ slow_calls: fine, slow_calls_1m: minutes, slow_calls_1h: hours },
    ...{
      functions: names + 32 * 24,
      locations: names + 32 * 24,
      symbols: names + 32 * 24,
      stacks: names + 32 * 24,
      series: names + 32 * 24,
      debug_ranges: names + 32 * 24,
      debug_files: names + 32 * 24,
    },
  });
  await setRetention(client, DEFAULT_RETENTION);
  assertEquals(await ttl(), all(7 * 24 + 1, 31 * 24, (365 + 1) * 24));
  assertEquals(await setRetention(client, DEFAULT_RETENTION), []);
  const short = { fine: 90 * 60_000, minutes: 2 * DAY_MS, hours: 3 * DAY_MS };
  assertEquals((await setRetention(client, short)).length, 33);
  assertEquals(await ttl(), all(3, 72, 4 * 24));
  // Who keeps minutes for longer than hours has names for them.
  await setRetention(client, { ...short, minutes: 6 * DAY_MS });
  assertEquals(await ttl(), all(3, 7 * 24, 4 * 24, 7 * 24));
  for (const fine of [0, NaN, 1000 * 365 * DAY_MS]) {
    await assertRejects(() => setRetention(client, { ...short, fine }), RangeError, String(fine));
  }
});

testWith(["chdb"], "setRetention() lets old hours go and keeps the new", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  await client.command(
    `INSERT INTO samples (kind, idle, period, node, series, stack, bucket, value, count)
    SELECT 'cpu', false, toStartOfHour(now('UTC')) - INTERVAL number HOUR, 'n', 1, 1, 1, 1, 1 FROM numbers(10)`,
  );
  await setRetention(client, { ...DEFAULT_RETENTION, fine: 3 * HOUR_MS });
  await client.command("OPTIMIZE TABLE samples FINAL");
  assertEquals(await client.rows("SELECT count() AS rows FROM samples"), [{ rows: "4" }]);
  // The minutes and hours have what the samples had.
  assertEquals(await client.rows("SELECT sum(samples_1m.count) AS count FROM samples_1m"), [{ count: "10" }]);
  assertEquals(await client.rows("SELECT sum(totals_1h.count) AS count FROM totals_1h"), [{ count: "10" }]);
});
