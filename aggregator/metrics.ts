// SPDX-License-Identifier: Apache-2.0
/**
 * Holds what the aggregator tells Prometheus, in a registry of its own.
 *
 * @module
 */

import { type Counter, type Gauge, type Histogram, Registry } from "prom-client";
import type { Listener } from "../common/net/listener.ts";
import { MetricFactory, type Reading } from "../common/metrics.ts";
import { VERSION } from "../common/main.ts";
import { KINDS } from "../profile/model.ts";
import type { OtlpExporter } from "../profile/otlp/exporter.ts";
import { exporterReadings, NO_EXPORTS } from "../profile/otlp/readings.ts";
import type { Debuginfod } from "../symbols/debuginfod/debuginfod.ts";
import { debuginfodReadings, NO_DEBUGINFOD } from "../symbols/debuginfod/readings.ts";
import type { Flusher, FlushMetrics } from "./buffer/flusher.ts";
import type { StoredBatch } from "./buffer/sink.ts";
import type { StagingBuffer } from "./buffer/staging_buffer.ts";
import type { Admission } from "./ingest/admission.ts";
import { type Protocol, PROTOCOLS } from "./interop/decoding/request.ts";
import { type Result, RESULTS } from "./interop/intake/intake.ts";
import { type IngestMetrics, type Phase, PHASES, type Refusal, REFUSALS } from "./ingest/push.ts";

const BUFFER: readonly Reading<StagingBuffer>[] = [
  ["aperture_buffer_batches", "Batches in the buffer", ({ batches }) => batches],
  [
    "aperture_buffer_oldest_batch_seconds",
    "How long ago the oldest batch was staged that is not yet in storage",
    ({ oldestMs }) => oldestMs === undefined ? 0 : Math.max(0, Date.now() - oldestMs) / 1000,
  ],
  [
    "aperture_buffer_quarantined_batches",
    "Batches that were set aside, as storage refuses what is in them",
    ({ quarantined }) => quarantined.length,
  ],
  ["aperture_buffer_bytes", "Bytes of batches in the buffer", ({ bytes }) => bytes],
  ["aperture_buffer_capacity_batches", "Batches that the buffer takes", ({ capacity }) => capacity],
  ["aperture_buffer_capacity_bytes", "Bytes of batches that the buffer takes", (b) => b.capacityBytes],
  [
    "aperture_clickhouse_pending_rows",
    "Sample rows in the buffer that are not yet in storage",
    ({ samples }) => samples,
  ],
];

/** Holds what runs beside the buffer; each part from when it is there. */
export interface WatchedParts {
  readonly flusher?: Pick<Flusher, "failing">;
  /** Holds the listeners by what they speak: `grpc`, `http`. */
  readonly listeners?: Readonly<Record<string, Listener>>;
  /** Holds the queues: calls of gRPC, questions by HTTP, and those that either asks storage. */
  readonly queues?: Readonly<Record<string, Pick<Admission, "running" | "waiting">>>;
  readonly engine?: { readonly restarts: number } | undefined;
  readonly relabeller?: { readonly dropped: number } | undefined;
  /** Reads what others push. */
  readonly decoder?: { readonly deaths: Readonly<Record<string, number>>; readonly bytes: number };
  /** Sends on to a collector. */
  readonly exporter?: Pick<OtlpExporter, "stats"> | undefined;
  /** Asks for debug files. */
  readonly debuginfod?: Pick<Debuginfod, "stats"> | undefined;
}

const PARTS: readonly Reading<WatchedParts>[] = [
  [
    "aperture_storage_failing_seconds",
    "For how long storage has not taken what is staged; 0 while it does",
    ({ flusher }) => flusher?.failing ? Math.max(0, Date.now() - flusher.failing.sinceMs) / 1000 : 0,
  ],
  [
    "aperture_connections",
    "Open connections by what they speak",
    ({ listeners = {} }) => mapped(listeners, ({ connections }) => connections),
    "protocol",
  ],
  [
    "aperture_connections_limit",
    "Connections that are taken at once",
    ({ listeners = {} }) => mapped(listeners, ({ limits }) => limits.connections),
    "protocol",
  ],
  [
    "aperture_connections_refused_total",
    "Connections that were not taken, as there were too many in all or of one address",
    ({ listeners = {} }) => mapped(listeners, ({ refused }) => refused.full + refused.address),
    "protocol",
  ],
  [
    "aperture_connections_closed_total",
    "Connections whose client said nothing, was idle or did not read for too long",
    ({ listeners = {} }) => mapped(listeners, ({ closed }) => closed.silent + closed.idle + closed.unread),
    "protocol",
  ],
  [
    "aperture_accept_failures_total",
    "Connections that could not be accepted, as for want of descriptors",
    ({ listeners = {} }) => mapped(listeners, ({ acceptFailures }) => acceptFailures),
    "protocol",
  ],
  [
    "aperture_requests_running",
    "Calls of gRPC, questions by HTTP and what these ask storage that are being answered",
    ({ queues = {} }) => mapped(queues, ({ running }) => running),
    "queue",
  ],
  [
    "aperture_requests_waiting",
    "Calls of gRPC, questions by HTTP and what these ask storage that wait for their turn",
    ({ queues = {} }) => mapped(queues, ({ waiting }) => waiting),
    "queue",
  ],
  [
    "aperture_engine_restarts_total",
    "Times that the embedded engine was started again",
    ({ engine }) => engine?.restarts ?? 0,
  ],
  [
    "aperture_foreign_decoder_deaths_total",
    "Processes that read what others push and ended without an answer, by what they lacked",
    ({ decoder }) => decoder?.deaths ?? {},
    "reason",
  ],
  [
    "aperture_foreign_waiting_bytes",
    "Bytes that others pushed and that are read, or wait for it",
    ({ decoder }) => decoder?.bytes ?? 0,
  ],
  [
    "aperture_relabel_dropped_rows_total",
    "Rows of samples, waits, holds and calls that relabel rules dropped",
    ({ relabeller }) => relabeller?.dropped ?? 0,
  ],
];

function mapped<T>(record: Readonly<Record<string, T>>, value: (of: T) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([key, of]) => [key, value(of)]));
}

/** Holds the counters of ingest and flush, and the state of `buffer` at the time of asking. */
export class AggregatorMetrics implements IngestMetrics, FlushMetrics {
  /** Is told what became of profiles that others pushed. */
  readonly foreign = (protocol: Protocol, result: Result, profiles: number): void => {
    this.#foreign.inc({ protocol, result }, profiles);
  };
  /** Is the registry, for other parts to add theirs to. */
  readonly registry = new Registry();
  #pushOk = 0;
  #pushError = 0;
  #events = 0;
  #flushErrors = 0;
  readonly #push: Counter<"status">;
  readonly #pushEvents: Counter;
  readonly #pushDuplicates: Counter;
  readonly #refused: Counter<"reason">;
  readonly #pushSeconds: Histogram;
  readonly #pushPhases: Histogram<"phase">;
  readonly #drops: Counter;
  readonly #flush: Counter<"status">;
  readonly #flushRows: Counter;
  readonly #flushSeconds: Histogram;
  readonly #foreign: Counter<"protocol" | "result">;
  readonly #quarantined: Counter;
  readonly #lag: Histogram;
  readonly #lastStored: Gauge<"kind">;
  #parts: WatchedParts = {};
  readonly #partitionsDropped: Counter;

  constructor(buffer: StagingBuffer) {
    const make = new MetricFactory(this.registry);
    this.#push = make.counter("aperture_push_total", "Pushes by gRPC status", ["status"]);
    this.#foreign = make.counter(
      "aperture_foreign_profiles_total",
      "Profiles that others pushed, by protocol and by what became of them",
      ["protocol", "result"],
    );
    for (const protocol of PROTOCOLS) {
      for (const result of RESULTS) this.#foreign.inc({ protocol, result }, 0);
    }
    this.#pushEvents = make.counter(
      "aperture_push_events_total",
      "Samples, waits and calls in batches that were staged",
    );
    this.#pushDuplicates = make.counter(
      "aperture_push_duplicates_total",
      "Batches that were sent again after they had been staged, and acknowledged again",
    );
    this.#pushSeconds = make.histogram("aperture_push_duration_seconds", "Time that pushes took");
    this.#pushPhases = make.histogram(
      "aperture_push_phase_duration_seconds",
      "Time that phases of pushes took: until the message was there, reading and checking it, staging it",
      { labelNames: ["phase"] },
    );
    for (const phase of PHASES) this.#pushPhases.zero({ phase });
    this.#drops = make.counter(
      "aperture_buffer_drops_total",
      "Staged batches that were lost: they could not be read any more, or too many were in quarantine",
    );
    this.#refused = make.counter("aperture_push_refused_total", "Pushes that were refused, by reason", [
      "reason",
    ]);
    this.#quarantined = make.counter(
      "aperture_buffer_quarantined_total",
      "Batches that were set aside, as storage refused what is in them",
    );
    this.#lag = make.histogram(
      "aperture_storage_lag_seconds",
      "From the end of a batch's window to its being in storage",
      { buckets: LAG_SECONDS },
    );
    this.#lastStored = make.gauge(
      "aperture_storage_last_flush_timestamp_seconds",
      "When rows of a kind were last stored, in Unix time; 0 before the first",
      ["kind"],
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
    make.readings(() => this.#parts, PARTS);
    make.readings(() => this.#parts.exporter?.stats ?? NO_EXPORTS, exporterReadings("aperture"));
    make.readings(() => this.#parts.debuginfod?.stats ?? NO_DEBUGINFOD, debuginfodReadings("aperture"));
    make.process();
    make.buildInfo("aperture_aggregator_build_info", VERSION);
    // What has not happened is 0, not absent.
    for (const status of ["ok", "invalid_argument", "resource_exhausted", "unauthenticated"]) {
      this.#push.inc({ status }, 0);
    }
    for (const status of ["ok", "error"]) this.#flush.inc({ status }, 0);
    for (const reason of REFUSALS) this.#refused.inc({ reason }, 0);
    for (const kind of KINDS) this.#lastStored.set({ kind }, 0);
    buffer.onLost = (batches) => this.#drops.inc(batches);
  }

  /** Counts the pushes that were acknowledged. */
  get pushTotalOk(): number {
    return this.#pushOk;
  }

  /** Counts the pushes that were not, for whatever reason. */
  get pushTotalError(): number {
    return this.#pushError;
  }

  /** Counts samples, waits and calls in batches that were staged. */
  get eventsTotal(): number {
    return this.#events;
  }

  /** Counts groups of batches that could not be written. */
  get flushErrors(): number {
    return this.#flushErrors;
  }

  pushed(status: string, seconds: number): void {
    if (status === "ok") this.#pushOk++;
    else this.#pushError++;
    this.#push.inc({ status });
    this.#pushSeconds.observe(seconds);
  }

  /** Tells from now on what `parts` are, too. */
  watch(parts: WatchedParts): void {
    this.#parts = { ...this.#parts, ...parts };
  }

  spent(phase: Phase, seconds: number): void {
    this.#pushPhases.observe({ phase }, seconds);
  }

  refused(reason: Refusal): void {
    this.#refused.inc({ reason });
  }

  accepted(events: number): void {
    this.#events += events;
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
    this.#flushErrors++;
    this.#flush.inc({ status: "error" });
    this.#flushSeconds.observe(seconds);
  }

  partitionsDropped(partitions: number): void {
    this.#partitionsDropped.inc(partitions);
  }

  dropped(): void {
    this.#drops.inc();
  }

  quarantined(): void {
    this.#quarantined.inc();
  }

  stored(batches: readonly StoredBatch[]): void {
    const now = Date.now();
    for (const { endNs, kinds } of batches) {
      this.#lag.observe(Math.max(0, now - Number(endNs / 1_000_000n)) / 1000);
      for (const kind of kinds) this.#lastStored.set({ kind }, now / 1000);
    }
  }
}

/** An hour's outage is in the last but one. */
const LAG_SECONDS = [1, 2, 5, 10, 15, 20, 30, 60, 300, 900, 3600, 14_400];
