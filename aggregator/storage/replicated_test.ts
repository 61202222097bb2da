// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { readMigrations } from "./migrate.ts";
import { createReplicatedDatabase, replicated, sharded } from "./replicated.ts";
import { splitStatements } from "./split_statements.ts";

Deno.test("replicated() gives every table a replicated engine and deduplication window", () => {
  for (const { name, sql } of readMigrations()) {
    const text = replicated(sql);
    const engines = [...text.matchAll(/\bENGINE\s*=\s*(\w+)/g)].map(([, engine]) => engine!);
    assertEquals(engines.filter((engine) => !/^Replicated\w*MergeTree$/.test(engine)), [], name);
    assertEquals(text.includes("non_replicated"), false);
    assertEquals(
      text.match(/\breplicated_deduplication_window/g)?.length,
      sql.match(/\bnon_replicated_deduplication_window/g)?.length,
    );
  }
  assertEquals(
    replicated("ENGINE = SummingMergeTree((value, count))"),
    "ENGINE = ReplicatedSummingMergeTree((value, count))",
  );
});

Deno.test("sharded() makes each table one of its server and one over all, and views fill those of their server", () => {
  const statements = readMigrations().flatMap(({ sql }) => splitStatements(sql));
  const all = statements.map((statement) => sharded(statement, "main"));
  const keys = new Map<string, string>();
  const pairs = all.filter(({ length }) => length === 2);
  const isChange = ([, over]: readonly string[]) => /^ALTER TABLE/m.test(over!);
  for (const [local, distributed] of pairs.filter((pair) => !isChange(pair))) {
    const [, name] = /CREATE TABLE IF NOT EXISTS (\w+)_local\b/.exec(local!)!;
    const engine =
      /^CREATE TABLE IF NOT EXISTS (\w+) AS (\w+)_local\nENGINE = Distributed\('main', currentDatabase\(\), '(\w+)_local', (.*)\)$/;
    const [, ...names] = engine.exec(distributed!)!;
    assertEquals(names.slice(0, 3), [name, name, name]);
    keys.set(name!, names[3]!);
  }
  // What all aggregators must see in one order is on one shard.
  for (const table of ["turns", "outcomes", "rules", "silences", "deliveries"]) {
    assertEquals(keys.get(`alert_${table}`), "0");
  }
  assertEquals(keys.size, 34);
  for (
    const table of [
      "samples",
      "samples_1m",
      "locks_1h",
      "holds",
      "syscalls",
      "slow_calls_1m",
      "profiles_1h",
      "totals_1m",
      "batches",
      "series",
    ]
  ) {
    assertEquals(keys.get(table), "cityHash64(node)", table);
  }
  for (const table of ["debug_ranges", "debug_files"]) {
    assertEquals(keys.get(table), "cityHash64(build_id)", table);
  }
  assertEquals([keys.get("stacks"), keys.get("symbols"), keys.get("functions")], ["hash", "location", "key"]);
  for (const [local, over] of pairs.filter(isChange)) {
    const [, table] = /^ALTER TABLE (\w+) /m.exec(over!)!;
    assertEquals([keys.has(table!), local], [
      true,
      over!.replace(`TABLE ${table} `, `TABLE ${table}_local `),
    ]);
  }
  assertEquals(pairs.filter(isChange).length, 1);
  const alone = all.filter(({ length }) => length === 1).map(([statement]) => statement!);
  const stored = alone.filter((statement) => /\bMODIFY (SETTING|COLUMN \w+ CODEC)\b/.test(statement));
  assertEquals(stored.map((statement) => /^ALTER TABLE (\w+)\s/m.exec(statement)![1]), [
    ...["totals_1m_local", "totals_1h_local", "samples_local", "samples_1m_local"],
    ...["totals_1m_local", "totals_1h_local"],
    ...["samples_local", "samples_1m_local", "samples_1h_local", "samples_1d_local"],
    ...["samples_local", "samples_1m_local", "samples_1h_local", "samples_1d_local"],
    ...["stacks_local", "stacks_local"],
  ]);
  const views = alone.filter((statement) => !stored.includes(statement));
  assertEquals(views.length, 19);
  for (const view of views) {
    const [, target, source] = /TO (\w+) AS[^]*\bFROM (\w+)_local AS \w+/.exec(view)!;
    assertEquals(target!.endsWith("_local") && !source!.endsWith("_local"), true, view);
  }
});

Deno.test("createReplicatedDatabase() quotes names", () => {
  const sql = createReplicatedDatabase("a'b\\c", "d'e");
  assertStringIncludes(sql, "ON CLUSTER 'd\\'e' ENGINE = Replicated('/aperture/databases/a\\'b\\\\c', ");
});

testWith(["chdb"], "ClickHouse parses the statements for replicas", async () => {
  await using storage = await startStorage();
  const parse = async (sql: string, params = {}) => {
    return await storage.client.rows<{ explain: string }>(`EXPLAIN AST ${sql}`, { params });
  };
  const create = createReplicatedDatabase("a'b", "c'd");
  assertEquals((await parse(create, { database: "a'b" })).length > 0, true);
  for (const { sql } of readMigrations()) {
    for (const statement of splitStatements(replicated(sql))) {
      assertEquals((await parse(statement)).length > 0, true);
    }
    for (const statement of splitStatements(sql).flatMap((each) => sharded(each, "c'd"))) {
      assertEquals((await parse(statement)).length > 0, true);
    }
  }
});
