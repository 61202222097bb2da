// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertGreaterOrEqual, assertMatch } from "@std/assert";
import { VERSION } from "../common/main.ts";
import { batchMeta } from "../tests/support/staged.ts";
import { StagingBuffer } from "./buffer/staging_buffer.ts";
import { AggregatorMetrics } from "./metrics.ts";

Deno.test("AggregatorMetrics tells for how long storage has failed, and 0 while it takes batches", async () => {
  await using buffer = await StagingBuffer.open();
  const metrics = new AggregatorMetrics(buffer);
  const seconds = async () => {
    const [, value] = /^aperture_storage_failing_seconds (\S+)$/m.exec(await metrics.registry.metrics())!;
    return Number(value);
  };
  const flusher: { failing: { sinceMs: number; failures: number; error: string } | undefined } = {
    failing: undefined,
  };
  metrics.watch({ flusher });
  assertEquals(await seconds(), 0);
  flusher.failing = { sinceMs: Date.now() - 90_000, failures: 3, error: "connect ECONNREFUSED" };
  assertGreaterOrEqual(await seconds(), 90);
});

Deno.test("AggregatorMetrics shows what was counted and what the buffer holds", async () => {
  await using buffer = await StagingBuffer.open({ capacity: 7 });
  const metrics = new AggregatorMetrics(buffer);
  // A second one has its own numbers.
  new AggregatorMetrics(buffer).pushed("ok", 1);
  metrics.pushed("ok", 0.002);
  metrics.pushed("aborted", 0.2);
  metrics.accepted(44);
  metrics.duplicate();
  metrics.flushed(300, 0.5);
  metrics.flushFailed(2);
  metrics.dropped();
  await buffer.stage(new Uint8Array(100), batchMeta({ samples: 12 }));
  const text = await metrics.registry.metrics();
  for (
    const line of [
      'aperture_push_total{status="ok"} 1',
      'aperture_push_total{status="unauthenticated"} 0',
      'aperture_push_total{status="aborted"} 1',
      "aperture_push_events_total 44",
      "aperture_push_duplicates_total 1",
      "aperture_push_duration_seconds_count 2",
      "aperture_buffer_batches 1",
      "aperture_buffer_bytes 100",
      "aperture_buffer_capacity_batches 7",
      "aperture_buffer_drops_total 1",
      'aperture_clickhouse_flush_total{status="ok"} 1',
      'aperture_clickhouse_flush_total{status="error"} 1',
      "aperture_clickhouse_flush_rows_total 300",
      "aperture_clickhouse_flush_duration_seconds_sum 2.5",
      "aperture_clickhouse_pending_rows 12",
      `aperture_aggregator_build_info{version="${VERSION}"} 1`,
    ]
  ) assertMatch(text, new RegExp(`^${line.replace(/[{}]/g, "\\$&")}$`, "m"));
  assertEquals(metrics.pushTotalOk, 1);
});
