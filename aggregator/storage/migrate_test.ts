import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import {
  createDatabase,
  migrate,
  type Migration,
  MigrationError,
  pendingMigrations,
  readMigrations,
} from "./migrate.ts";
import { setRetention } from "./retention.ts";

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

testWith(["chdb"], "migrate() does nothing the second time, and what is new the third", async () => {
  await using storage = await startStorage();
  const { client, options } = storage;
  assertEquals(await migrate(client), []);
  await createDatabase(options);
  const tables = () =>
    client.rows("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()");
  const before = await tables();
  assertEquals(before.length, 8);
  const number = readMigrations().length + 1;
  const more = {
    number,
    name: `000${number}_more`,
    sql: "SELECT 1; CREATE TABLE more (a UInt8) ENGINE = Memory;",
  };
  assertEquals(await migrate(client, [...readMigrations(), more]), [more.name]);
  assertEquals((await tables()).length, 9);
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
  "setRetention() lets samples go after so many days, and what they refer to later",
  async () => {
    await using storage = await startStorage();
    const { client } = storage;
    const ttl = async () => {
      const rows = await client.rows<{ name: string; days: string }>(
        "SELECT name, extract(engine_full, 'TTL .*toIntervalDay\\\\((\\\\d+)\\\\)') AS days FROM system.tables WHERE database = currentDatabase()",
      );
      return Object.fromEntries(rows.map(({ name, days }) => [name, days]));
    };
    await setRetention(client, 30);
    const first = {
      ...{ samples: "30", locks: "30", syscalls: "30", batches: "30" },
      ...{ stacks: "32", frames: "32", series: "32", migrations: "" },
    };
    assertEquals(await ttl(), first);
    assertEquals(await setRetention(client, 30), []);
    await setRetention(client, 7);
    assertEquals(await ttl(), {
      ...first,
      samples: "7",
      locks: "7",
      syscalls: "7",
      batches: "7",
      stacks: "9",
      frames: "9",
      series: "9",
    });
    for (const days of [0, 1.5, NaN, 40_000]) {
      await assertRejects(
        () => setRetention(client, days),
        RangeError,
        String(days),
      );
    }
  },
);

testWith(["chdb"], "setRetention() lets old rows go and keeps the new", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  await client.command(
    `INSERT INTO samples SELECT 'cpu', 'n', now() - INTERVAL number * 10 DAY, 1, 1, 1, 1 FROM numbers(10)`,
  );
  await setRetention(client, 35);
  await client.command("OPTIMIZE TABLE samples FINAL");
  assertEquals(await client.rows("SELECT count() AS rows FROM samples"), [{ rows: "4" }]);
});
