// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { Writer } from "./writer.ts";

const TEXT = Deno.readTextFileSync(new URL("../../docs/schema.md", import.meta.url));
const QUERIES = [...TEXT.matchAll(/^(.+):\n\n```sql\n([^`]+?);?\n```/gm)].map(([, name, sql]) =>
  [name!, sql!] as const
);

testWith(["chdb"], "every query of docs/schema.md is answered, and most with rows", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  const now = BigInt(Date.now()) * 1_000_000n;
  const [batch, earlier] = [1, 2].map((i) => ({
    ...makeBatch({ waits: 6, sequence: i }),
    startNs: now - BigInt(i * 120 - 100) * 1_000_000_000n,
    endNs: now,
    receivedMs: Date.now(),
  }));
  await new Writer(client).write({ token: "one", batches: [batch!, earlier!] });
  assert(QUERIES.length >= 12);
  const empty: string[] = [];
  for (const [name, sql] of QUERIES) {
    const rows = await client.rows(sql).catch((error) => {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    });
    if (rows.length === 0) empty.push(name);
  }
  // The batches have no heap, call no malloc, have no service and no read, and all of their functions are named.
  assertEquals(empty, [
    "The heap in use by service, as SDKs push it",
    "Time through one function, by node",
    "One service over time, in minutes",
    "Latencies of one call, by powers of two of nanoseconds",
    "Files whose code has no names",
    "Debug files, and how many locations they could name",
    "Alerts that fired, and for how long",
  ]);
});

testWith(["chdb"], "docs/schema.md names every table", async () => {
  await using storage = await startStorage();
  const tables = await storage.client.rows<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'migrations'",
  );
  for (const { name } of tables) assertStringIncludes(TEXT, `\`${name}\``);
});
