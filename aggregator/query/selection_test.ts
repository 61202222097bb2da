// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { parseMatchers } from "./matchers.ts";
import { createQueries } from "./queries.ts";

const HOUR = Date.UTC(2026, 5, 15, 10);

testWith(
  ["chdb"],
  "a selection reads the parts of nodes that may have its series, and no others",
  async () => {
    await using storage = await startStorage();
    const { client } = storage;
    // Each of five nodes has four series of 20,000 rows, which are of a service each, one of them on one node alone.
    const name = "if(number = 13, 'rare', concat('service-', toString(number % 4)))";
    await client.command(
      `INSERT INTO series (hash, node, service, day)
    SELECT cityHash64(number), concat('node-', toString(intDiv(number, 4))), ${name}, '2026-06-15' FROM numbers(20)`,
    );
    await client.command(
      `INSERT INTO samples (kind, idle, period, node, series, stack, bucket, value, count)
    SELECT 'cpu', false, toDateTime('2026-06-15 10:00:00', 'UTC'), concat('node-', toString(intDiv(number, 80000))),
      cityHash64(intDiv(number, 20000)), number, number % 360, 10, 1 FROM numbers(400000)`,
    );
    await client.command("OPTIMIZE TABLE samples FINAL");
    const queries = createQueries(client);
    const ask = async (text: string) => {
      const selection = {
        kind: "cpu" as const,
        from: HOUR,
        to: HOUR + 3_600_000,
        matchers: parseMatchers(text),
      };
      const { total, cost } = await queries.tree(selection);
      return { count: total.count, rows: cost.rowsRead };
    };
    const all = await ask("{}");
    assertEquals(all.count, 400_000);
    const rare = await ask('{service="rare"}');
    // A twentieth of the rows is its own; what is read are whole parts of 8192 rows, and those where nodes meet.
    assertEquals([rare.count, rare.rows < all.rows / 4], [20_000, true]);
    assertEquals((await ask('{service!="rare"}')).count, 380_000);
    assertEquals((await ask('{service="rare",node="node-0"}')).count, 0);
  },
);
