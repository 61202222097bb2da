// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * The page on what others pushed: HTTP → Deno KV → ClickHouse → REST → chromium.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { PusherService } from "../../../proto/gen/push/v1/push_pb.ts";
import { connectClient } from "../../../tests/support/connect_client.ts";
import { pprofFile } from "../../../tests/support/foreign.ts";
import { testWith } from "../../../tests/support/needs.ts";
import { startStorage } from "../../../tests/support/storage.ts";
import { exported, search, settled, text, withVisits } from "../../../tests/support/visits.ts";
import { Flusher } from "../../buffer/flusher.ts";
import { StagingBuffer } from "../../buffer/staging_buffer.ts";
import { decode } from "../../interop/decoding/decode.ts";
import { Intake } from "../../interop/intake/intake.ts";
import { createQueries } from "../../query/queries.ts";
import { Writer } from "../../storage/writer.ts";
import { writeGroup } from "../../writing/write_group.ts";
import { isoTime } from "../state/range.ts";

const HEAP = "memory:inuse_space:bytes:space:bytes";
const GOROUTINES = "goroutines:goroutine:count:goroutine:count";
const MIB = 2 ** 20;

/** Is a heap whose parser holds `parser` MiB, by push.v1. */
function heap(service: string, timeMs: number, parser: number) {
  const labels = { service_name: service, __name__: "memory" };
  return {
    labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    samples: [{
      rawProfile: pprofFile({
        types: [["inuse_objects", "count"], ["inuse_space", "bytes"]],
        rows: [
          { stack: ["newNode", "parse", "main"], values: [parser * 10, parser * MIB] },
          { stack: ["fill", "main"], values: [5, MIB] },
        ],
        period: ["space", "bytes", 512],
        timeMs,
      }),
    }],
  };
}

testWith(
  ["chdb", "chromium"],
  "profiles that others pushed are kinds of their own on the page",
  async (t) => {
    await using storage = await startStorage();
    await using buffer = await StagingBuffer.open();
    const writer = new Writer(storage.client);
    const flusher = new Flusher({ buffer, sink: { write: (group) => writeGroup(writer, group) } });
    const options = {
      queries: createQueries(storage.client),
      intake: new Intake({ buffer, decoder: { decode } }),
    };
    // Both are in buckets of their own, a minute apart.
    const later = Math.floor(Date.now() / 10_000) * 10_000 - 60_000;
    const range = `from=${isoTime(later - 10_000)}&to=${isoTime(later + 50_000)}`;

    await withVisits(async (open) => {
      await t.step("the tab takes the first type into the address, and leads back", async () => {
        await open({ options, query: `?${range}` }, async ({ page, url }) => {
          await connectClient(PusherService, { baseUrl: url, fetch: (request) => fetch(request) }).push({
            series: [heap("cart", later - 60_000, 3), heap("cart", later, 6), heap("shop", later, 1)],
          });
          const app = `${url}ingest?name=cart.goroutines&from=${later / 1000}`;
          const pushed = await fetch(app, { method: "POST", body: "main;serve;park 7\nmain;gc 1\n" });
          assertEquals(await pushed.text().then(() => pushed.status), 200);
          await flusher.flushNow();
          await page.reload();
          await settled(page);
          await page.keyboard.press("5");
          await settled(page);
          assertEquals(search(page), `?view=profiles&${range}&kind=${GOROUTINES}`);
          assertEquals(await page.locator(".profiles option").allTextContents(), [
            ...["goroutines · count", "memory inuse_objects · count", "memory inuse_space · bytes"],
          ]);
          assertEquals(await page.title(), "goroutines · Aperture");
          await page.keyboard.press("t");
          await settled(page);
          assertEquals(await rowsOf(page, "Functions"), [
            "87.5 %87.5 %7park[unknown]",
            "12.5 %12.5 %1gc[unknown]",
            ...[
              "0 %100 %0main[unknown]",
              "0 %87.5 %0serve[unknown]",
            ],
          ]);
          await page.goBack();
          await page.goBack();
          await settled(page);
          assertEquals(search(page), `?${range}`);
        });
      });

      await t.step("bytes are bytes: in the table, the panel, the sandwich and the time line", async () => {
        await open(
          { options, query: `?view=profiles&${range}&mode=table&group=service` },
          async ({ page }) => {
            await settled(page);
            await page.selectOption('[aria-label="Kind"]', HEAP);
            await settled(page);
            assert(search(page).includes(`kind=${HEAP}`));
            assertEquals(await page.title(), "memory inuse_space · Aperture");
            assertEquals((await rowsOf(page, "Functions")).slice(0, 2), [
              "77.8 %77.8 %7.00 MiBnewNodeserver",
              "22.2 %22.2 %2.00 MiBfillserver",
            ]);
            assertMatch(
              await text(page, ".timeline .row"),
              /^memory inuse_space, bytes in each 10s/,
            );
            // The mean of six steps, one of which has anything.
            assertMatch(await text(page, ".lanes"), /^cart 1\.17 MiBshop 341 KiB$/);
            await page.click('[aria-label="Functions"] tbody tr:has-text("newNode")');
            await settled(page);
            assertMatch(
              await text(page, ".panel dl"),
              /^Here6\.00 MiB · 66\.7 %.*Everywhere7\.00 MiB · 77\.8 %/,
            );
            await page.keyboard.press("s");
            await settled(page);
            assertEquals(
              await page.getAttribute(".middle", "data-share"),
              "77.8 % of the selection · 7.00 MiB",
            );
            await page.click('button:has-text("Heat map")');
            await settled(page);
            assertEquals(await text(page, ".lanes"), "up to 7.00 MiB · service");
            const words = await text(page, "body");
            assert(!/cores|nanoseconds|threads|lost/.test(words), words);
          },
        );
      });

      await t.step("a filter, and the way back and forward, change the type with the address", async () => {
        const query = `?view=profiles&${range}&mode=table&kind=${GOROUTINES}`;
        await open({ options, query }, async ({ page, asked }) => {
          await settled(page);
          await page.selectOption('[aria-label="Kind"]', HEAP);
          await settled(page);
          await page.fill(".completing input", 'service="shop"');
          await page.keyboard.press("Enter");
          await settled(page);
          assertEquals((await rowsOf(page, "Functions"))[0], "50.0 %50.0 %1.00 MiBfillserver");
          assert(
            asked.some((path) =>
              path.includes(`/api/flamegraph?kind=${HEAP}`) && path.includes('{service="shop"}')
            ),
          );
          await page.goBack();
          await page.goBack();
          await settled(page);
          assertEquals(await page.inputValue('[aria-label="Kind"]'), GOROUTINES);
          assertMatch((await rowsOf(page, "Functions"))[0]!, /^87\.5 %.*park/);
          await page.goForward();
          await settled(page);
          assertEquals(await page.inputValue('[aria-label="Kind"]'), HEAP);
          assertEquals((await rowsOf(page, "Functions"))[0], "77.8 %77.8 %7.00 MiBnewNodeserver");
          const { name } = await exported(page, ".graph .tools", "Folded stacks");
          assertMatch(name, /^aperture-memory_inuse_space_bytes_space_bytes-\w+\.folded$/);
        });
      });

      await t.step("two times are compared in bytes, and nothing is taken for chance", async () => {
        const query = `?view=profiles&${range}&kind=${HEAP}&match=service="cart"`;
        await open({ options, query }, async ({ page }) => {
          await settled(page);
          await page.keyboard.press("c");
          await settled(page);
          assertMatch(search(page), new RegExp(`^\\?view=compare.*kind=${HEAP}`));
          assertEquals(await text(page, ".words"), "A 4.00 MiB, B 7.00 MiB: takes more (+75.0 %)");
          assertEquals(await page.locator('[aria-label="Normalised"] button').allTextContents(), [
            ...["Share", "Per second", "Amount"],
          ]);
          await page.click('button:has-text("Amount")');
          await page.keyboard.press("t");
          await settled(page);
          assertEquals(
            await rowsOf(page, "Differences"),
            [
              "main0 B0 B=0 %4.00 MiB7.00 MiBserver",
              "newNode3.00 MiB6.00 MiB▲ +3.00 MiB+100 %3.00 MiB6.00 MiBserver",
              "parse0 B0 B=0 %3.00 MiB6.00 MiBserver",
            ].sort((a, b) => Number(b.startsWith("newNode")) - Number(a.startsWith("newNode"))),
          );
          assert(!/chance|time than before/.test(await text(page, ".scale")));
          await page.fill("#search", "/new/");
          await page.waitForFunction(() => document.querySelector(".found")!.textContent === "1 hit");
          assertEquals((await rowsOf(page, "Differences")).map((row) => row.slice(0, 7)), ["newNode"]);
          await page.keyboard.press("Escape");
          await page.click('button:has-text("Open A")');
          await settled(page);
          assertMatch(
            search(page),
            new RegExp(`^\\?view=profiles&from=${isoTime(later - 70_000)}.*kind=${HEAP}`),
          );
          await page.keyboard.press("1");
          await settled(page);
          assertMatch(await text(page, ".timeline .row"), /^cores busy/);
        });
      });

      await t.step("a type that has nothing says when it last had", async () => {
        const query = `?view=profiles&from=-30d&to=-29d&kind=${HEAP}`;
        await open({ options, query }, async ({ page }) => {
          await page.click('.empty-state button:has-text("Go there")');
          await settled(page);
          assertMatch(await text(page, ".lanes"), /^cart/);
        });
        await open({ options, query: "?view=profiles&from=-30d&to=-29d" }, async ({ page }) => {
          await page.waitForSelector(".empty-state code");
          assertMatch(
            await text(page, ".profiles .empty-state"),
            /^No profiles were pushed in this time.*http:/,
          );
          assertEquals(await page.locator(".timeline").isVisible(), false);
        });
      });
    });
  },
);

async function rowsOf(page: Page, label: string): Promise<string[]> {
  return await page.locator(`[aria-label="${label}"] tbody tr`).allTextContents();
}
