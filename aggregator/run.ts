// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the aggregator: its parts are put together, and taken apart in the order that loses nothing.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { UserError } from "../common/main.ts";
import { Debuginfod } from "../symbols/debuginfod/debuginfod.ts";
import { StagingBuffer } from "./buffer/staging_buffer.ts";
import { takeSpill, writeSpill } from "./buffer/spill.ts";
import { Flusher } from "./buffer/flusher.ts";
import type { AggregatorConfig } from "./config.ts";
import { engineMemory } from "./embedded/memory.ts";
import { machineLimits } from "./machine_limits.ts";
import { EmbeddedClickHouse } from "./embedded/supervisor.ts";
import { StorageSink } from "./storage_sink.ts";
import { isCurable } from "./writing/refusal.ts";
import { warmUp } from "./ingest/warm_up.ts";
import { WriterThread } from "./writing/writer_thread.ts";
import { Alerts } from "./alerts/alerts.ts";
import { AggregatorMetrics } from "./metrics.ts";
import { decoderMemory } from "./interop/decoding/memory.ts";
import { openPorts } from "./ports.ts";
import { openExporter } from "../profile/otlp/open.ts";
import { Relabeller } from "../profile/relabel/relabeller.ts";
import { createQueries } from "./query/queries.ts";
import { settling } from "./settling.ts";
import { healthOf } from "./status.ts";
import { DebugTables } from "./storage/debug_tables.ts";
import type { StorageOptions } from "./storage/client.ts";
import { Storage } from "./storage/storage.ts";
import { DebugFiles } from "./symbols/debug_files.ts";
import { WantedFiles } from "./symbols/wanted_files.ts";

const logger = getLogger(["aperture", "aggregator"]);

/** Pushes that are under way may take so long at the end, and then the last flush. */
const CALLS_MS = 5000;
const FLUSH_MS = 30_000;
/** What waits for a collector may take so long. */
const EXPORT_MS = 2000;
/** The engine is started again when so many writes failed in a row, for a reason that this cures. */
const CURABLE_FAILURES = 3;

/**
 * Runs the aggregator until the signal aborts.
 *
 * @returns the exit status
 * @throws {UserError} when an address, a folder or the storage cannot be used
 */
export async function runAggregator(config: AggregatorConfig, signal: AbortSignal): Promise<number> {
  await using parts = new AsyncDisposableStack();
  const machine = await machineLimits();
  // The engine takes a second to start.
  const warm = warmUp();
  // Also where the start fails before it is waited for.
  parts.defer(() => warm.catch(() => {}));
  const buffer = parts.use(await orExplain(openBuffer(config)));
  const engine = config.clickhouseEndpoint ? undefined : parts.use(
    await orExplain(EmbeddedClickHouse.start({
      dataDir: config.dataDir,
      memoryBytes: config.clickhouseMemory ?? engineMemory(machine.memoryBytes),
    })),
  );
  const metrics = new AggregatorMetrics(buffer);
  const place = storageOptions(config, engine);
  const storage = parts.use(await orExplain(openStorage(config, { place, metrics })));
  const writer = parts.use(new WriterThread(place));
  writer.prepare();
  const flusher = new Flusher({
    buffer,
    sink: new StorageSink(storage, writer),
    metrics,
    intervalMs: config.flushInterval,
    onFailure(error, { failures }) {
      if (failures >= CURABLE_FAILURES && isCurable(error)) {
        engine?.restart(`${failures} writes failed in a row: ${(error as Error).message}`);
      }
    },
  });
  const relabeller = config.relabelConfig === undefined
    ? undefined
    : parts.use(await orExplain(Relabeller.open(config.relabelConfig)));
  const exporter = await orExplain(openExporter(config));
  if (exporter) parts.use(exporter);
  const debugTables = new DebugTables(storage.client);
  const debugFiles = parts.use(new DebugFiles({ tables: debugTables, limit: config.symbolsLimit }));
  const debuginfod = await openDebuginfod(config);
  if (debuginfod) parts.use(debuginfod);
  const mode = engine ? "embedded" : "server";
  await warm;
  const alerts = parts.use(await orExplain(startAlerts(config, { storage, buffer, metrics })));
  const ports = parts.use(
    await orExplain(openPorts(config, {
      buffer,
      metrics,
      relabeller,
      exporter,
      descriptors: machine.descriptors,
      decoderBytes: decoderMemory(machine.memoryBytes),
      queries: createQueries(storage.client, engine ? { cpus: navigator.hardwareConcurrency } : {}),
      alerts,
      captures: alerts.captures,
      debugFiles,
      health: () => healthOf({ buffer, metrics, storage, flusher, mode }),
      settle: settling({ buffer, flusher }),
    })),
  );
  metrics.watch({ flusher, engine, relabeller, exporter, debuginfod, ...ports.watched });
  flusher.start();
  debugFiles.start();
  if (debuginfod) parts.use(new WantedFiles({ tables: debugTables, debugFiles, debuginfod }));
  const { hostname, port } = ports.ingest.address;
  logger.info("Taking batches on {hostname}:{port}, storing in {server}", {
    hostname,
    port,
    server: engine ? `the embedded engine in ${config.dataDir}` : storage.client.server,
  });

  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  logger.info("Stopping: taking no more batches, writing those that are staged");
  await ports.ingest.stop({ deadlineMs: CALLS_MS });
  await exporter?.flush(EXPORT_MS);
  const { left } = await flusher.stop({ deadlineMs: FLUSH_MS });
  return left === 0 && buffer.quarantined.length === 0 ? 0 : await keep(buffer, config);
}

/** Says what becomes of batches that are not in storage, and returns the exit status. */
async function keep(buffer: StagingBuffer, config: AggregatorConfig): Promise<number> {
  const left = buffer.staged + buffer.quarantined.length;
  let path = config.bufferPath;
  if (path === IN_MEMORY) {
    path = spillPath(config);
    try {
      await writeSpill(buffer, path);
    } catch (error) {
      logger.error("Stopped with {left} batches that are not in storage, and are lost: {why}", {
        left,
        why: (error as Error).message,
      });
      return 1;
    }
  }
  logger.warn("Stopped with {left} batches that are not in storage: they are in {path}, for the next start", {
    left,
    path,
  });
  return 0;
}

/**
 * Opens the client of debuginfod servers. Without one, names are those that agents and uploads give, which is no reason
 * not to start.
 */
async function openDebuginfod(config: AggregatorConfig): Promise<Debuginfod | undefined> {
  const { debuginfodUrls: urls = [], symbolsLimit: maxBytes } = config;
  if (urls.length === 0) return undefined;
  try {
    return await Debuginfod.open({
      urls,
      folder: config.debuginfodCache ?? `${config.dataDir}/debuginfod`,
      // What was read is in the tables: the folder holds what waits.
      ...{ maxBytes, cacheBytes: 2 * maxBytes },
      stallMs: Math.max(0, 1000 * config.debuginfodTimeout),
    });
  } catch (error) {
    logger.warn("debuginfod is not asked: {reason}", { reason: (error as Error).message });
    return undefined;
  }
}

const IN_MEMORY = ":memory:";

function spillPath({ dataDir }: AggregatorConfig): string {
  return `${dataDir}/spill.kv`;
}

async function openBuffer(config: AggregatorConfig): Promise<StagingBuffer> {
  const buffer = await StagingBuffer.open({
    path: config.bufferPath,
    capacity: config.bufferCapacity,
    capacityBytes: config.bufferMemory,
  });
  if (config.bufferPath !== IN_MEMORY) return buffer;
  try {
    const found = await takeSpill(buffer, spillPath(config));
    if (found > 0) logger.info("Found {found} batches that the last run did not store", { found });
  } catch (error) {
    // What it holds is not lost: the file stays where it is.
    logger.error("Cannot read what the last run left in {path}: {error}", { path: spillPath(config), error });
  }
  return buffer;
}

function storageOptions(config: AggregatorConfig, engine: EmbeddedClickHouse | undefined): StorageOptions {
  const { url, username, password = "" } = engine ?? {
    url: config.clickhouseEndpoint!,
    username: config.clickhouseUser,
    password: config.clickhousePassword,
  };
  const { clickhouseDatabase: database, clickhouseCluster: cluster } = config;
  return { url, username, password, database, ...cluster !== undefined && { cluster } };
}

async function openStorage(
  config: AggregatorConfig,
  { place, metrics }: { place: StorageOptions; metrics: AggregatorMetrics },
): Promise<Storage> {
  return await Storage.open({
    ...place,
    limit: config.storageLimit,
    onDropped: (partitions) => metrics.partitionsDropped(partitions),
    retention: { fine: config.retention, minutes: config.retention1m, hours: config.retention1h },
  });
}

async function startAlerts(
  config: AggregatorConfig,
  { storage, buffer, metrics }: { storage: Storage; buffer: StagingBuffer; metrics: AggregatorMetrics },
): Promise<Alerts> {
  const { adminListen: { port }, tlsCert } = config;
  const name = `${await hostName()}:${port}`;
  return await Alerts.start({
    client: storage.client,
    name,
    registry: metrics.registry,
    problem: () => storage.problem(),
    figures: () => ({
      bufferUtilization: Math.max(buffer.batches / buffer.capacity, buffer.bytes / buffer.capacityBytes),
      pendingRows: buffer.samples,
      pushOk: metrics.pushTotalOk,
      pushErrors: metrics.pushTotalError,
      flushErrors: metrics.flushErrors,
      events: metrics.eventsTotal,
    }),
    rulesPath: config.alertRules,
    alertmanagers: config.alertmanagers,
    webhooks: config.alertWebhooks,
    templatePath: config.alertWebhookTemplate,
    capture: config.alertCapture ?? false,
    intervalMs: config.alertInterval,
    publicUrl: config.publicUrl ?? new URL(`${tlsCert === undefined ? "http" : "https"}://${name}`),
  });
}

/** Returns what this machine, or container, is called. */
async function hostName(): Promise<string> {
  const text = await Deno.readTextFile("/etc/hostname").catch(() => "");
  return /^[\w.-]+$/.exec(text.trim())?.[0] ?? "localhost";
}

/** Explains what a part throws at the start, which is for the user: its message without a stack trace. */
async function orExplain<T>(start: Promise<T>): Promise<T> {
  try {
    return await start;
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}
