// SPDX-License-Identifier: Apache-2.0
/**
 * Rows a second into the engine: the writer's Native blocks beside JSONEachRow by the same client.
 *
 * @module
 */

import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { EmbeddedClickHouse } from "../aggregator/embedded/supervisor.ts";
import { Storage } from "../aggregator/storage/storage.ts";
import { Writer } from "../aggregator/storage/writer.ts";
import { makeBatch } from "../tests/support/batches.ts";
import { median, type Row } from "./row.ts";

const SAMPLES = 20_000;

/** Returns the rows of `deno task bench engine`. */
export async function rows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const engine = cleanup.use(await EmbeddedClickHouse.start({ dataDir: `${folder}/data` }));
  const { url, username, password } = engine;
  const storage = cleanup.use(await Storage.open({ url, username, password }));
  const writer = new Writer(storage.client);
  const startNs = BigInt(Date.now()) * 1_000_000n;
  let sequence = 0;
  const batch = makeBatch({ samples: SAMPLES, depth: 30, functions: 4000 });
  const write = async () => {
    const window = { startNs, endNs: startNs + 10_000_000_000n, receivedMs: Date.now() };
    await writer.write({ token: `bench-${++sequence}`, batches: [{ ...batch, ...window, sequence }] });
  };
  const native = await median(write);

  const client = createClient({
    url,
    username,
    password,
    database: "aperture",
    log: { level: ClickHouseLogLevel.OFF },
  });
  cleanup.defer(() => client.close());
  const json = await median(async () => {
    const values = Array.from({ length: SAMPLES }, (_, i) => ({
      kind: "cpu",
      node: "bench",
      bucket: Math.floor(Date.now() / 1000),
      series: i % 100,
      stack: i + SAMPLES * ++sequence,
      value: 10_101_010,
      count: 1,
    }));
    await client.insert({ table: "samples", values, format: "JSONEachRow" });
  });
  return [{
    what: "store samples whose stacks are known",
    ours: SAMPLES / (native / 1000),
    unit: "rows/s",
    rival: { name: "JSONEachRow, samples alone", value: SAMPLES / (json / 1000) },
  }];
}
