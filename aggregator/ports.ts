// SPDX-License-Identifier: Apache-2.0
/**
 * Opens the two ports: gRPC for agents, HTTP for people and probes; who may come in, and how many.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { VERSION } from "../common/main.ts";
import { defaultLimits } from "../common/net/listener.ts";
import { type HttpServer, serveHttp } from "../common/serve_http.ts";
import type { Address } from "../common/settings.ts";
import { WatchedFiles } from "../common/watched_files.ts";
import { Access } from "./access/access.ts";
import { TokenSet } from "./access/tokens.ts";
import type { AlertsApi } from "./alerts/alerts_api.ts";
import type { BatchMeta } from "./buffer/entry.ts";
import type { StagingBuffer } from "./buffer/staging_buffer.ts";
import { readCertificates, watchCertificates } from "./certificates.ts";
import type { AggregatorConfig } from "./config.ts";
import { createHandler, defaultTurns, type Health, loadPage } from "./http/mod.ts";
import { DecoderProcess } from "./interop/decoding/decoder_process.ts";
import { Intake, OTLP_AGENT } from "./interop/intake/intake.ts";
import type { PushOptions } from "./ingest/push.ts";
import { IngestServer, type ServerTls } from "./ingest/server.ts";
import type { AggregatorMetrics, WatchedParts } from "./metrics.ts";
import type { Relabeller } from "../profile/relabel/relabeller.ts";
import type { OtlpExporter } from "../profile/otlp/exporter.ts";
import type { QueuedQueries } from "./query/queries.ts";
import { stagedBatches } from "./status.ts";
import { isUnavailable } from "./storage/unavailable.ts";
import type { DebugFiles } from "./symbols/debug_files.ts";

export interface PortSources {
  readonly buffer: StagingBuffer;
  readonly metrics: AggregatorMetrics;
  /** The process may have so many descriptors. */
  readonly descriptors: number;
  /** What reads others' profiles may hold so many bytes. */
  readonly decoderBytes: number;
  readonly queries: QueuedQueries;
  readonly alerts: AlertsApi;
  readonly captures: PushOptions["captures"];
  readonly relabeller?: Relabeller | undefined;
  /** Sends on what is staged. */
  readonly exporter?: OtlpExporter | undefined;
  readonly debugFiles: DebugFiles;
  readonly health: () => Promise<Health>;
  /** Writes what is staged, as far as storage takes it now. */
  readonly settle: () => Promise<void>;
}

/** A debug file may take so long to come, in ms; other bodies are small, and connections are bounded. */
const UPLOAD_MS = 300_000;

/** Holds both ports, which listen until this is disposed of. */
export interface Ports extends AsyncDisposable {
  readonly ingest: IngestServer;
  readonly http: HttpServer;
  /** Holds the parts to watch, for metrics. */
  readonly watched: WatchedParts;
}

/**
 * Opens both ports.
 *
 * @throws {Error} when an address, a token file or a certificate cannot be used
 */
export async function openPorts(config: AggregatorConfig, sources: PortSources): Promise<Ports> {
  const { buffer, metrics, descriptors, queries, alerts, debugFiles, health, settle } = sources;
  await using parts = new AsyncDisposableStack();
  const page = await loadPage();
  const access = await openAccess(config, parts);
  const certificates = certificateFiles(config);
  const tls = certificates && await readCertificates(certificates);
  const connections = limitsOf(config, descriptors);
  const turns = defaultTurns();
  const retentionMs = Math.max(config.retention, config.retention1m, config.retention1h);
  const { exporter } = sources;
  // What came by OTLP is not sent on by it, lest a collector get its own again.
  const forward = exporter && ((bytes: Uint8Array, { agentId }: BatchMeta) => {
    if (agentId !== OTLP_AGENT) exporter.offer(bytes);
  });
  const decoder = parts.use(new DecoderProcess({ heapBytes: sources.decoderBytes }));
  const intake = new Intake({
    decoder,
    ...{ buffer, metrics, retentionMs, forward, relabeller: sources.relabeller },
    count: metrics.foreign,
  });
  const handler = createHandler({
    intake,
    queries,
    alerts,
    debugFiles,
    health,
    settle,
    staged: ({ agentId, limit }) => stagedBatches(buffer, { agentId, limit }),
    quarantined: () => buffer.quarantined,
    metrics: metrics.registry,
    page,
    turns,
    version: VERSION,
    ingestPort: config.listen.port,
    ...(config.sourceUrl !== undefined && { sourceUrl: config.sourceUrl }),
    allowedHosts: config.allowedHosts ?? [],
    ...(access && { access }),
  });
  const limits = { ...connections, requestMs: UPLOAD_MS };
  const http = parts.use(serveHttp({ listen: config.adminListen, handler, limits, tls }));
  const ingest = parts.use(IngestServer.start({
    buffer,
    intake,
    queries,
    metrics,
    captures: sources.captures,
    relabeller: sources.relabeller,
    forward,
    listen: config.listen,
    access,
    tls,
    connections,
    isUnavailable,
    retentionMs,
    maxMessageBytes: config.maxMessage,
  }));
  if (certificates) {
    parts.use(watchCertificates(certificates, tls!, (renewed: ServerTls) => {
      http.renew(renewed);
      ingest.renew(renewed);
    }));
  }
  if (!access && ![config.listen, config.adminListen].every(isLoopback)) {
    getLogger(["aperture", "aggregator"]).warn(
      "No APERTURE_AUTH_TOKEN is set: everyone who reaches this may push and read",
    );
  }
  const owned = parts.move();
  return {
    ingest,
    http,
    watched: {
      decoder,
      listeners: { grpc: ingest.listener, http: http.listener },
      queues: {
        grpc: ingest.pushes,
        grpc_question: ingest.questions,
        question: turns.question,
        export: turns.export,
        upload: turns.upload,
        foreign: turns.ingest,
        storage: queries.queue,
      },
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Opens the access by tokens; `undefined` where no token is set. */
async function openAccess(
  { authToken, authTokenFile }: AggregatorConfig,
  parts: AsyncDisposableStack,
): Promise<Access | undefined> {
  const single = authToken === undefined ? undefined : TokenSet.single(authToken);
  if (authTokenFile === undefined) return single && new Access({ tokens: single });
  const parse = (text: string) => single ? TokenSet.parse(text).with(single) : TokenSet.parse(text);
  const text = await readTokens(authTokenFile);
  const access = new Access({ tokens: parse(text) });
  parts.use(new WatchedFiles([authTokenFile], [text], ([text]) => access.replace(parse(text!))));
  return access;
}

async function readTokens(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new Error(`Cannot read the tokens: ${(cause as Error).message}`, { cause });
  }
}

function certificateFiles({ tlsCert, tlsKey, tlsClientCa }: AggregatorConfig) {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  return { cert: tlsCert, key: tlsKey, clientCa: tlsClientCa };
}

/** Returns how many connections a port takes where the process may have so many descriptors. */
function limitsOf({ maxConnections, maxConnectionsPerAddress }: AggregatorConfig, descriptors: number) {
  const connections = maxConnections ?? defaultLimits(descriptors).connections;
  return { connections, perAddress: maxConnectionsPerAddress ?? Math.ceil(connections / 2) };
}

function isLoopback({ hostname }: Address): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}
