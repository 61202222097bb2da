import { assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { readMigrations } from "./migrate.ts";
import { createReplicatedDatabase, replicated } from "./replicated.ts";
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
  }
});
