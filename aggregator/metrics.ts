/**
 * What the aggregator tells Prometheus, in a registry of its own.
 *
 * @module
 */

import { type Counter, type Histogram, Registry } from "prom-client";
import { MetricFactory, type Reading } from "../common/metrics.ts";
import { VERSION } from "../common/main.ts";
import type { FlushMetrics } from "./buffer/flusher.ts";
import type { StagingBuffer } from "./buffer/staging_buffer.ts";
import type { IngestMetrics } from "./ingest/push.ts";

const BUFFER: readonly Reading<StagingBuffer>[] = [
  ["aperture_buffer_batches", "Batches in the buffer", ({ batches }) => batches],
  ["aperture_buffer_bytes", "Bytes of batches in the buffer", ({ bytes }) => bytes],
  ["aperture_buffer_capacity_batches", "Batches that the buffer takes", ({ capacity }) => capacity],
  ["aperture_buffer_capacity_bytes", "Bytes of batches that the buffer takes", (b) => b.capacityBytes],
  [
    "aperture_clickhouse_pending_rows",
    "Sample rows in the buffer that are not yet in storage",
    ({ samples }) => samples,
  ],
];

/** The counters of ingest and flush, and the state of `buffer` at the time of asking. */
export class AggregatorMetrics implements IngestMetrics, FlushMetrics {
  /** For other parts to add theirs to. */
  readonly registry = new Registry();
  #pushOk = 0;
  #pushError = 0;
  readonly #push: Counter<"status">;
  readonly #pushEvents: Counter;
  readonly #pushDuplicates: Counter;
  readonly #pushSeconds: Histogram;
  readonly #drops: Counter;
  readonly #flush: Counter<"status">;
  readonly #flushRows: Counter;
  readonly #flushSeconds: Histogram;
  readonly #partitionsDropped: Counter;

  constructor(buffer: StagingBuffer) {
    const make = new MetricFactory(this.registry);
    this.#push = make.counter("aperture_push_total", "Pushes by gRPC status", ["status"]);
    this.#pushEvents = make.counter(
      "aperture_push_events_total",
      "Samples, waits and calls in batches that were staged",
    );
    this.#pushDuplicates = make.counter(
      "aperture_push_duplicates_total",
      "Batches that were sent again after they had been staged, and acknowledged again",
    );
    this.#pushSeconds = make.histogram("aperture_push_duration_seconds", "Time that pushes took");
    this.#drops = make.counter(
      "aperture_buffer_drops_total",
      "Staged batches that could not be read any more",
    );
    this.#flush = make.counter("aperture_clickhouse_flush_total", "Groups of batches by outcome", ["status"]);
    this.#flushRows = make.counter("aperture_clickhouse_flush_rows_total", "Rows written");
    this.#flushSeconds = make.histogram(
      "aperture_clickhouse_flush_duration_seconds",
      "Time that groups took",
    );
    this.#partitionsDropped = make.counter(
      "aperture_storage_partitions_dropped_total",
      "Partitions that went as storage would have taken more than its limit",
    );
    make.readings(() => buffer, BUFFER);
    make.process();
    make.buildInfo("aperture_aggregator_build_info", VERSION);
    // What has not happened is 0, not absent.
    for (const status of ["ok", "invalid_argument", "resource_exhausted", "unauthenticated"]) {
      this.#push.inc({ status }, 0);
    }
    for (const status of ["ok", "error"]) this.#flush.inc({ status }, 0);
  }

  /** How many pushes were acknowledged. */
  get pushTotalOk(): number {
    return this.#pushOk;
  }

  /** How many were not, for whatever reason. */
  get pushTotalError(): number {
    return this.#pushError;
  }

  pushed(status: string, seconds: number): void {
    if (status === "ok") this.#pushOk++;
    else this.#pushError++;
    this.#push.inc({ status });
    this.#pushSeconds.observe(seconds);
  }

  accepted(events: number): void {
    this.#pushEvents.inc(events);
  }

  duplicate(): void {
    this.#pushDuplicates.inc();
  }

  flushed(rows: number, seconds: number): void {
    this.#flush.inc({ status: "ok" });
    this.#flushRows.inc(rows);
    this.#flushSeconds.observe(seconds);
  }

  flushFailed(seconds: number): void {
    this.#flush.inc({ status: "error" });
    this.#flushSeconds.observe(seconds);
  }

  partitionsDropped(partitions: number): void {
    this.#partitionsDropped.inc(partitions);
  }

  dropped(): void {
    this.#drops.inc();
  }
}
