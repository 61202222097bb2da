// SPDX-License-Identifier: Apache-2.0
/** Tests what an aggregator with its buffer in memory holds when it is stopped in order while storage is away. */

import { assertEquals } from "@std/assert";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { freePort } from "../common/free_port.ts";
import { RunningAggregator } from "../tasks/programs.ts";
import { makeBatch } from "./support/batches.ts";
import { pushOnce } from "./support/grpc_client.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";

interface Health {
  readonly status: string;
  readonly buffer: { readonly batches: number };
  readonly storage: { readonly pending_rows: number };
}

testWith(["chdb"], "batches that storage did not take are there after an orderly stop", async () => {
  using folder = new TempFolder();
  const dataDir = `--data-dir=${folder.path}/data`;
  const now = BigInt(Date.now()) * 1_000_000n;
  const push = async ({ grpc }: RunningAggregator, sequence: number) => {
    const window = { startNs: now - 10_000_000_000n, endNs: now };
    const bytes = writeBatch({ ...makeBatch({ sequence }), ...window });
    return (await pushOnce(new URL(grpc).host, bytes, {})).code;
  };
  {
    // Nobody is there.
    const away = `--clickhouse-endpoint=http://127.0.0.1:${freePort()}`;
    await using aggregator = await RunningAggregator.start({ args: [dataDir, away], stderr: "null" });
    for (const sequence of [1, 2, 3]) assertEquals(await push(aggregator, sequence), 0);
    // It is ready, as it takes batches, and says that it does not store them.
    assertEquals((await aggregator.json("/api/health") as Health).status, "degraded");
    assertEquals((await aggregator.stop()).code, 0);
  }
  await using aggregator = await RunningAggregator.start({
    args: [dataDir, "--flush-interval=50ms"],
    stderr: "null",
  });
  // What was acknowledged then is known now.
  assertEquals(await push(aggregator, 2), 0);
  let stored: { sequence: number }[] = [];
  while (stored.length < 3) {
    ({ stored } = await aggregator.json("/api/batches") as { stored: { sequence: number }[] });
  }
  assertEquals(stored.map(({ sequence }) => sequence).sort(), [1, 2, 3]);
});
