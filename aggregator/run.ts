/**
 * One run of the aggregator: its parts put together, and taken apart in the order that loses nothing.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { UserError, VERSION } from "../common/main.ts";
import { readPem } from "../common/pem.ts";
import { serveHttp } from "../common/serve_http.ts";
import type { Address } from "../common/settings.ts";
import { Flusher } from "./buffer/flusher.ts";
import { StagingBuffer } from "./buffer/staging_buffer.ts";
import type { AggregatorConfig } from "./config.ts";
import { EmbeddedClickHouse } from "./embedded/supervisor.ts";
import { createHandler, loadPage } from "./http/mod.ts";
import { IngestServer } from "./ingest/server.ts";
import { AggregatorMetrics } from "./metrics.ts";
import { createQueries } from "./query/queries.ts";
import { healthOf, stagedBatches } from "./status.ts";
import { Storage } from "./storage/storage.ts";

const logger = getLogger(["aperture", "aggregator"]);

/** How long pushes that are under way may take at the end, and then the last flush. */
const CALLS_MS = 5000;
const FLUSH_MS = 30_000;

/**
 * Runs the aggregator until the signal aborts.
 *
 * @returns the exit status
 * @throws {UserError} when an address, a folder or the storage cannot be used
 */
export async function runAggregator(config: AggregatorConfig, signal: AbortSignal): Promise<number> {
  const page = await loadPage();
  const tls = await orExplain(readTls(config));
  await using parts = new AsyncDisposableStack();
  const buffer = parts.use(
    await orExplain(StagingBuffer.open({
      path: config.bufferPath,
      capacity: config.bufferCapacity,
      capacityBytes: config.bufferMemory,
    })),
  );
  const metrics = new AggregatorMetrics(buffer);
  const engine = config.clickhouseEndpoint
    ? undefined
    : parts.use(await orExplain(EmbeddedClickHouse.start({ dataDir: config.dataDir })));
  const { url, username, password = "" } = engine ?? {
    url: config.clickhouseEndpoint!,
    username: config.clickhouseUser,
    password: config.clickhousePassword,
  };
  const storage = parts.use(
    await orExplain(Storage.open({
      url,
      username,
      password,
      database: config.clickhouseDatabase,
      cluster: config.clickhouseCluster,
      limit: config.storageLimit,
      onDropped: (partitions) => metrics.partitionsDropped(partitions),
      retention: { fine: config.retention, minutes: config.retention1m, hours: config.retention1h },
    })),
  );
  const queries = createQueries(storage.client);
  const mode = engine ? "embedded" : "server";
  const token = config.authToken;

  const handler = createHandler({
    queries,
    health: () => healthOf({ buffer, metrics, storage, mode }),
    staged: ({ agentId, limit }) => stagedBatches(buffer, { agentId, limit }),
    metrics: metrics.registry,
    page,
    version: VERSION,
    ...(token === undefined ? {} : { token }),
  });
  parts.use(await orExplain(() => serveHttp({ listen: config.adminListen, handler })));
  const flusher = new Flusher({ buffer, sink: storage, metrics, intervalMs: config.flushInterval });
  const ingest = parts.use(
    await orExplain(IngestServer.start({
      buffer,
      queries,
      metrics,
      listen: config.listen,
      token,
      tls,
      maxMessageBytes: config.maxMessage,
    })),
  );
  flusher.start();
  const { hostname, port } = ingest.address;
  logger.info("Taking batches on {hostname}:{port}, storing in {server}", {
    hostname,
    port,
    server: engine ? `the embedded engine in ${config.dataDir}` : storage.client.server,
  });
  if (token === undefined && ![config.listen, config.adminListen].every(isLoopback)) {
    logger.warn("No APERTURE_AUTH_TOKEN is set: everyone who reaches this may push and read");
  }

  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  logger.info("Stopping: taking no more batches, writing those that are staged");
  await ingest.stop({ deadlineMs: CALLS_MS });
  const { left } = await flusher.stop({ deadlineMs: FLUSH_MS });
  if (left === 0) return 0;
  const kept = config.bufferPath !== ":memory:";
  logger.error("Stopped with {left} batches that are not in storage: {fate}", {
    left,
    fate: kept ? `they are in ${config.bufferPath}, and are written at the next start` : "they are lost",
  });
  return kept ? 0 : 1;
}

function isLoopback({ hostname }: Address): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

/** The files of the gRPC server's certificate and key; `undefined` where none are named. */
async function readTls(
  { tlsCert, tlsKey }: AggregatorConfig,
): Promise<{ cert: string; key: string } | undefined> {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const [cert, key] = await Promise.all([
    readPem(tlsCert, "the certificate"),
    readPem(tlsKey, "the certificate's key"),
  ]);
  return { cert, key };
}

/** What a part throws at the start is for the user: its message without a stack trace. */
async function orExplain<T>(start: Promise<T> | (() => T)): Promise<T> {
  try {
    return await (typeof start === "function" ? start() : start);
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}
