// SPDX-License-Identifier: Apache-2.0
/**
 * A fleet's batches over real gRPC into an aggregator with its embedded engine: sample rows a second, and what it
 * costs; beside the same rows sent straight to the engine by a bare loop, in the same run.
 *
 * The stacks are recorded by the real agent on this machine; each simulated agent is another node with its own share of
 * the functions, by a seed.
 *
 * @module
 */

import { EmbeddedClickHouse } from "../aggregator/embedded/supervisor.ts";
import { StorageClient } from "../aggregator/storage/client.ts";
import { createDatabase, migrate } from "../aggregator/storage/migrate.ts";
import { toBlocks } from "../aggregator/storage/rows.ts";
import { WrittenHashes } from "../aggregator/storage/written_hashes.ts";
import type { Batch } from "../profile/model.ts";
import { readBatch } from "../profile/wire/read_batch.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { OtlpSenders } from "./otlp_senders.ts";
import { recordBatches } from "./recorded.ts";
import type { Row } from "./row.ts";
import { SimulatedFleet, startFleetAggregator } from "./simulated_fleet.ts";

const SECONDS = 60;
/** They push as fast as they are acknowledged. */
const BUSY_AGENTS = 20;
const BARE_SECONDS = 15;
/** So many push by OTLP beside them, as fast as they are answered. */
const OTLP_SENDERS = 4;
const OTLP_SECONDS = 20;
/** Rows of a batch of a busy node. */
const ROWS = 5000;

/** Returns the rows of `deno task bench fleet`. */
export async function rows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const recorded = await recordBatches(ROWS);
  const bare = await bareRate(`${folder}/bare`, recorded);
  const aggregator = cleanup.use(await startFleetAggregator(`${folder}/data`));
  const fleet = new SimulatedFleet(aggregator, recorded);
  const busy = await fleet.run({ agents: BUSY_AGENTS, seconds: SECONDS, everyMs: 0 });
  // One after the other, as what the machine has besides changes.
  const beside = { agents: BUSY_AGENTS, seconds: OTLP_SECONDS, everyMs: 0 };
  const alone = await fleet.run(beside);
  const senders = new OtlpSenders(aggregator.http, recorded);
  senders.start(OTLP_SENDERS);
  const shared = await fleet.run(beside, () => senders.stop());
  const stored = await fleet.stored();
  const pushed = fleet.pushed + senders.staged;
  if (stored !== pushed) {
    throw new Error(`Lost samples: ${pushed} were acknowledged, ${stored} are in the tables`);
  }
  return [
    {
      what: `store a fleet's batches, ${SECONDS} s`,
      ours: busy.rowsPerSecond,
      unit: "rows/s",
      rival: { name: "bare inserts of the same rows", value: bare },
    },
    { what: `push, p99, ${BUSY_AGENTS} agents without a pause`, ours: busy.p99Ms, unit: "ms" },
    { what: "CPU of the aggregator", ours: busy.aggregatorCpuMsPerMb, unit: "ms/MB" },
    { what: "CPU of the engine", ours: busy.engineCpuMsPerMb, unit: "ms/MB" },
    ...busy.residentMb.map((ours, i) => ({
      ...{ what: `memory of the aggregator after ${SECONDS * (i + 1) / 3} s`, ours, unit: "MB", less: true },
      ...i > 0 && { rival: { name: `after ${SECONDS / 3} s`, value: busy.residentMb[0]! } },
    })),
    {
      what: `store a fleet's batches, ${OTLP_SENDERS} senders of OTLP beside`,
      ours: shared.rowsPerSecond,
      unit: "rows/s",
      rival: { name: "without them", value: alone.rowsPerSecond },
    },
    {
      what: `push, p99, ${OTLP_SENDERS} senders of OTLP beside`,
      ours: shared.p99Ms,
      unit: "ms",
      less: true,
      rival: { name: "without them", value: alone.p99Ms },
    },
    { what: "samples by OTLP, beside", ours: senders.staged / OTLP_SECONDS, unit: "rows/s" },
  ];
}

/** Rows a second of the same samples into the same tables, blocks made beforehand, by nothing but inserts. */
async function bareRate(dataDir: string, recorded: readonly Batch[]): Promise<number> {
  await using cleanup = new AsyncDisposableStack();
  const engine = cleanup.use(await EmbeddedClickHouse.start({ dataDir }));
  const { url, username, password } = engine;
  await createDatabase({ url, username, password });
  const client = cleanup.use(new StorageClient({ url, username, password }));
  await migrate(client);
  const seen = () => new WrittenHashes(1_000_000);
  const now = BigInt(Date.now()) * 1_000_000n;
  const batches = Array.from({ length: 20 }, (_, i) => ({
    ...readBatch(writeBatch(recorded[i % recorded.length]!)),
    ...{
      node: `bare-${i}`,
      agentId: `bare-${i}`,
      startNs: now - 10_000_000_000n,
      endNs: now,
      receivedMs: Date.now(),
    },
  }));
  const tables = { functions: seen(), symbols: seen(), locations: seen(), stacks: seen(), series: seen() };
  const { samples } = toBlocks(batches, tables);
  const start = performance.now();
  let rows = 0;
  for (let token = 0; performance.now() - start < BARE_SECONDS * 1000; token++) {
    await client.insert("samples", samples, { token: `bare-${token}` });
    rows += samples[0]!.rows;
  }
  return rows / ((performance.now() - start) / 1000);
}
