// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { readMigrations } from "./migrate.ts";
import { forResolutions, RESOLUTIONS, tablesOf } from "./resolutions.ts";
import { splitStatements } from "./split_statements.ts";

Deno.test("forResolutions() makes a statement for each resolution that is listed, and leaves others alone", () => {
  assertEquals(forResolutions("SELECT '{}'"), ["SELECT '{}'"]);
  assertEquals(forResolutions("CREATE TABLE a{10s,1d} ({step}) -- a{suffix}"), [
    "CREATE TABLE a (10) -- a",
    "CREATE TABLE a_1d (86400) -- a_1d",
  ]);
  assertEquals(forResolutions("CREATE VIEW b{1h} AS SELECT {period}, {bucket} FROM c"), [
    "CREATE VIEW b_1h AS SELECT toDateTime(toStartOfDay(c.period), 'UTC'), " +
    "toUInt16(intDiv(toUInt32(c.period) - toUInt32(toDateTime(toStartOfDay(c.period), 'UTC')) + c.bucket * 10, 3600)) FROM c",
  ]);
});

Deno.test("tablesOf() lists the tables that migrations make", () => {
  const statements = readMigrations().flatMap(({ sql }) => splitStatements(sql));
  const made = statements.filter((sql) => /^\s*bucket UInt16/m.test(sql)).map((sql) =>
    /CREATE TABLE IF NOT EXISTS (\w+)/.exec(sql)![1]!
  );
  assertEquals(made.toSorted(), RESOLUTIONS.flatMap((each) => tablesOf(each)).toSorted());
});
