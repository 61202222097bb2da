// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { EmbeddedClickHouse } from "../embedded/supervisor.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { StorageError } from "./client.ts";
import { Storage } from "./storage.ts";
import { Writer } from "./writer.ts";

const HOUR_NS = 3_600_000_000_000n;
const SAMPLES = 25_000;

testWith(
  ["chdb", "root"],
  "a store that fills a small disk drops its oldest hours and goes on taking batches",
  async () => {
    using folder = new TempFolder();
    run("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", folder.path]);
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => void run("umount", ["--lazy", folder.path]));
    const engine = cleanup.use(await EmbeddedClickHouse.start({ dataDir: folder.path }));
    let dropped = 0;
    const storage = cleanup.use(
      await Storage.open({
        ...{ url: engine.url, username: engine.username, password: engine.password, timeout: 120_000 },
        limit: { share: 0.5 },
        // It is the full disk that has the oldest hours dropped, however slow this machine writes.
        lookMs: 86_400_000,
        onDropped: (partitions) => dropped += partitions,
      }),
    );
    const start = 1_795_000_000_000_000_000n / HOUR_NS * HOUR_NS;
    const base = makeBatch({ samples: SAMPLES, functions: 2000 });
    // Parts that were merged to others would stay for minutes: a disk of this size is full of them alone.
    await storage.client.command("SYSTEM STOP MERGES");
    const writer = new Writer(storage.client);
    let refused = 0;
    /** As the flusher does: what was not written is written again. */
    const write = async (hour: number) => {
      const startNs = start + BigInt(hour) * HOUR_NS;
      // Values differ, so that they take room.
      const value = base.samples.value.map((_, i) => (i * 2_654_435_761 + hour * 40_503) % 1_000_000_007);
      const batch = { ...base, sequence: hour + 1, samples: { ...base.samples, value }, receivedMs: 0 };
      const group = { token: `hour ${hour}`, batches: [{ ...batch, startNs, endNs: startNs + 1n }] };
      for (let tries = 1;; tries++) {
        try {
          return await storage.writing(() => writer.write(group));
        } catch (error) {
          if (!(error instanceof StorageError) || tries === 100) throw error;
          refused++;
          await delay(50);
        }
      }
    };
    let hour = 0;
    while (dropped === 0 && hour < 400) await write(hour++);
    assert(refused > 0, `the disk took ${hour} hours`);
    assert(dropped > 0);
    for (const end = hour + 3; hour < end; hour++) await write(hour);
    const rows = await storage.client.rows<{ hour: number; rows: string; counted: string }>(
      `SELECT intDiv(toUnixTimestamp(time), 3600) - ${
        start / HOUR_NS
      } AS hour, count() AS rows, sum(samples.count) AS counted
    FROM samples GROUP BY hour ORDER BY hour`,
    );
    const hours = rows.map(({ hour }) => Number(hour));
    assert(hours[0]! > 0, "the oldest hour is gone");
    assertEquals(hours, hours.map((_, i) => hour - hours.length + i));
    // What was written again counts once.
    assertEquals(new Set(rows.map(({ counted }) => counted)).size, 1);
  },
);
