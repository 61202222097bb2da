/**
 * What the aggregator tells Prometheus, in a registry of its own.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { FlushMetrics } from "./buffer/flusher.ts";
import type { StagingBuffer } from "./buffer/staging_buffer.ts";
import type { IngestMetrics } from "./ingest/push.ts";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

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

  constructor(buffer: StagingBuffer) {
    this.#push = this.#counter("aperture_push_total", "Pushes by gRPC status", ["status"]);
    this.#pushEvents = this.#counter(
      "aperture_push_events_total",
      "Samples, waits and calls in batches that were staged",
    );
    this.#pushDuplicates = this.#counter(
      "aperture_push_duplicates_total",
      "Batches that were sent again after they had been staged, and acknowledged again",
    );
    this.#pushSeconds = this.#histogram("aperture_push_duration_seconds", "Time that pushes took");
    this.#drops = this.#counter(
      "aperture_buffer_drops_total",
      "Staged batches that could not be read any more",
    );
    this.#flush = this.#counter("aperture_clickhouse_flush_total", "Groups of batches by outcome", [
      "status",
    ]);
    this.#flushRows = this.#counter("aperture_clickhouse_flush_rows_total", "Rows written");
    this.#flushSeconds = this.#histogram(
      "aperture_clickhouse_flush_duration_seconds",
      "Time that groups took",
    );
    this.#gauge("aperture_buffer_batches", "Batches in the buffer", () => buffer.batches);
    this.#gauge("aperture_buffer_bytes", "Bytes of batches in the buffer", () => buffer.bytes);
    this.#gauge("aperture_buffer_capacity_batches", "Batches that the buffer takes", () => buffer.capacity);
    this.#gauge(
      "aperture_buffer_capacity_bytes",
      "Bytes of batches that the buffer takes",
      () => buffer.capacityBytes,
    );
    this.#gauge(
      "aperture_clickhouse_pending_rows",
      "Sample rows in the buffer that are not yet in storage",
      () => buffer.samples,
    );
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

  dropped(): void {
    this.#drops.inc();
  }

  #counter<T extends string = never>(name: string, help: string, labelNames: readonly T[] = []): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: SECONDS, registers: [this.registry] });
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }
}
