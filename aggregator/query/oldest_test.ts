// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { SteadyFleet } from "../../tests/support/steady_fleet.ts";
import { testWith } from "../../tests/support/needs.ts";
import { PATIENT, startStorage } from "../../tests/support/storage.ts";
import type { StorageClient } from "../storage/client.ts";
import { RESOLUTIONS, tablesOf } from "../storage/resolutions.ts";
import { Writer } from "../storage/writer.ts";
import { Oldest } from "./oldest.ts";
import { createQueries } from "./queries.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Is noon, some days ago. */
const NOON_MS = (Math.floor(Date.now() / DAY_MS) - 3) * DAY_MS + DAY_MS / 2;
const SAMPLES = { render: 10 };

/** Counts the samples from `from` up to before `to`; what is known of tables is asked anew. */
async function countOf(client: StorageClient, from: number, to: number): Promise<number> {
  const selection = { kind: "cpu", from, to, matchers: [] } as const;
  return (await createQueries(client, PATIENT).aggregate(selection)).total.count;
}

testWith(["chdb"], "coarser tables answer where the finer ones have nothing any more", async (t) => {
  await using storage = await startStorage();
  const { client } = storage;
  const fleet = new SteadyFleet(5);
  const write = async (token: string, times: readonly number[]) => {
    const batches = times.map((startMs) => fleet.window({ node: "n", startMs, samples: SAMPLES }));
    await new Writer(client).write({ token, batches });
  };

  await t.step("an empty store reaches back as far as anybody asks", async () => {
    assertEquals(await new Oldest(client).get(), { fine: 0, minutes: 0 });
  });

  await t.step("all of the finer buckets have gone", async () => {
    await write("all", Array.from({ length: 12 }, (_, i) => NOON_MS + i * 300_000));
    const all = await countOf(client, NOON_MS, NOON_MS + HOUR_MS);
    const half = await countOf(client, NOON_MS + HOUR_MS / 2, NOON_MS + HOUR_MS);
    const [fine, minutes] = RESOLUTIONS;
    for (const table of tablesOf(fine)) await client.command(`TRUNCATE TABLE ${table}`);
    assertEquals(await countOf(client, NOON_MS, NOON_MS + HOUR_MS), all);
    assertEquals(await countOf(client, NOON_MS + HOUR_MS / 2, NOON_MS + HOUR_MS), half);
    for (const table of tablesOf(minutes)) await client.command(`TRUNCATE TABLE ${table}`);
    assertEquals(await countOf(client, NOON_MS, NOON_MS + HOUR_MS), all);
    // An hour that begins before what is asked for is not in it.
    assertEquals(await countOf(client, NOON_MS + HOUR_MS / 2, NOON_MS + HOUR_MS), 0);
  });

  await t.step("what comes then is answered as fine as it is", async () => {
    const next = NOON_MS + DAY_MS + 60_000;
    await write("next", [next, next + 10_000]);
    const both = await countOf(client, next, next + 20_000);
    const first = await countOf(client, next, next + 10_000);
    assertEquals([first > 0, both > first], [true, true]);
  });

  await t.step("a batch that came late is alone in what is not kept any more", async () => {
    await storage.stopMerges();
    const old = NOON_MS - 5 * DAY_MS;
    await write("old", [old, old + 10_000]);
    const before = await countOf(client, old, old + HOUR_MS);
    await client.command("TRUNCATE TABLE samples");
    await client.command("ALTER TABLE samples MODIFY TTL period + toIntervalHour(60)");
    await write("late", [old - DAY_MS, Date.now() - HOUR_MS]);
    assertEquals([before > 0, await countOf(client, old, old + HOUR_MS)], [true, before]);
  });
});
