// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the gRPC server: `aperture.v1.Aggregator`, health and reflection.
 *
 * @module
 */

import {
  type ChannelOptions,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogger,
} from "@grpc/grpc-js";
import { getLogger } from "@logtape/logtape";
import { HealthImplementation } from "grpc-health-check";
import { Buffer } from "node:buffer";
import type { Http2Server, ServerHttp2Session, Settings } from "node:http2";
import { type ConnectionLimits, Listener } from "../../common/net/listener.ts";
import type { Certificate } from "../../common/serve_http.ts";
import type { Address } from "../../common/settings.ts";
import type { BatchLimits } from "../../profile/wire/batch_limits.ts";
import { type AggregatorServer, AggregatorService } from "../../proto/gen/aperture/v1/aperture.ts";
import type { Access } from "../access/access.ts";
import type { StagingBuffer } from "../buffer/staging_buffer.ts";
import type { Intake } from "../interop/intake/intake.ts";
import { OTLP_SERVICE, OtlpExports } from "../interop/otlp/grpc.ts";
import type { Queries } from "../query/types.ts";
import { Admission, type AdmissionLimits, admit } from "./admission.ts";
import { authenticate, PUSH_PATHS } from "./auth.ts";
import { Calls, type CallsOptions } from "./calls.ts";
import { countPushes, type IngestMetrics, push, type PushOptions } from "./push.ts";
import {
  aggregateMessage,
  diffMessage,
  groupsOf,
  limitOf,
  selectionOf,
  stacksMessage,
  stagedBatchMessage,
} from "./query_messages.ts";
import { reflection } from "./reflection.ts";
import { endSlowCalls, type SlowCallLimits } from "./slow_calls.ts";

export interface IngestOptions extends CallsOptions {
  buffer: StagingBuffer;
  queries: Pick<Queries, "stacks" | "aggregate" | "diff">;
  /** Port 0 takes a free one. @default {{ hostname: "0.0.0.0", port: 50051 }} */
  listen?: Address;
  /** Says who may call; without it, everyone may call. */
  access?: Access | undefined;
  /** Is the certificate; without it the server speaks plain text. */
  tls?: ServerTls | undefined;
  connections?: Partial<ConnectionLimits> | undefined;
  /** Bounds pushes. */
  calls?: AdmissionLimits | undefined;
  slowCalls?: SlowCallLimits | undefined;
  /** One message, unpacked, may have so many bytes. @default {16777216} */
  maxMessageBytes?: number;
  limits?: BatchLimits | undefined;
  /** Takes profiles of OpenTelemetry; without it the service is not there. */
  intake?: Intake | undefined;
  relabeller?: PushOptions["relabeller"];
  forward?: PushOptions["forward"];
  retentionMs?: PushOptions["retentionMs"];
  captures?: PushOptions["captures"];
  clock?: PushOptions["clock"];
  metrics?: IngestMetrics | undefined;
}

/** Holds a certificate, and whose clients are taken. */
export interface ServerTls extends Certificate {
  /** Is the PEM of the authorities of clients' certificates; without it no client is asked for one. */
  readonly clientCa?: string | undefined;
}

const SERVICE = "aperture.v1.Aggregator";
/**
 * A client may send so much of a message before it is told that more is welcome: what a node pushes comes at once, and
 * does not wait for this thread twice. So much may be held, unread, of each call that waits.
 */
const WINDOW_BYTES = 384 << 10;
/**
 * A connection may carry so much before its client is told so: with HTTP/2's own 64 KiB that took eight small packets for
 * a push, and a sixth of this thread's time.
 */
const CONNECTION_WINDOW_BYTES = 1 << 20;
/** Bounds the others: each answer is held until its client has it. */
const QUESTIONS: AdmissionLimits = { atOnce: 8, waiting: 64, waitMs: 10_000, untilTaken: true };
/** Health follows the state of the buffer so often, which is tried again as often where it could not be written. */
const HEALTH_MS = 1000;

/** Is a server that listens, until {@linkcode IngestServer.stop}. */
export class IngestServer implements AsyncDisposable {
  readonly address: Address;
  /** Is the listener, for metrics. */
  readonly listener: Listener;
  readonly pushes: Admission;
  readonly questions: Admission;
  readonly #connections: Connections;
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #calls: Calls;
  readonly #timer: ReturnType<typeof setInterval>;
  #serving: boolean | undefined;
  #looking: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(
    { connections, pushes, questions, server, health, calls, buffer }: {
      connections: Connections;
      pushes: Admission;
      questions: Admission;
      server: Server;
      health: HealthImplementation;
      calls: Calls;
      buffer: StagingBuffer;
    },
  ) {
    this.listener = connections.listener;
    this.address = this.listener.address;
    this.pushes = pushes;
    this.questions = questions;
    this.#connections = connections;
    this.#server = server;
    this.#health = health;
    this.#calls = calls;
    this.#setServing(true);
    this.#timer = setInterval(() => void (this.#looking ??= this.#look(buffer)), HEALTH_MS);
  }

  /**
   * Starts to listen.
   *
   * @throws {ListenError}
   */
  static start(options: IngestOptions): IngestServer {
    logThroughLogtape();
    const { access, metrics } = options;
    const [pushes, questions] = [new Admission(options.calls), new Admission(QUESTIONS)];
    const server = new Server({
      ...channelOptions(options.maxMessageBytes ?? 2 ** 24),
      interceptors: [
        endSlowCalls(options.slowCalls),
        ...(metrics ? [countPushes(metrics)] : []),
        ...(access ? [authenticate(access)] : []),
        admit({ pushes, questions }, { pushPaths: PUSH_PATHS }),
      ],
    });
    setFlowControlWindows(server, { stream: WINDOW_BYTES, connection: CONNECTION_WINDOW_BYTES });
    const calls = new Calls(options);
    server.addService(rawPush(AggregatorService), handlers(options, calls));
    const { intake } = options;
    if (intake) {
      const exports = new OtlpExports(intake);
      server.addService(OTLP_SERVICE, {
        export: calls.unary((request: Uint8Array, _signal, call) => {
          return exports.call({ request, metadata: call.metadata, getPeer: () => call.getPeer() });
        }),
      });
    }
    const health = new HealthImplementation();
    health.addToServer(server);
    reflection().addToServer(server);
    const connections = new Connections(server, options);
    const { buffer } = options;
    return new IngestServer({ connections, pushes, questions, server, health, calls, buffer });
  }

  /** Shows another certificate to clients that come from now on; those that are there finish their calls. */
  renew(tls: ServerTls): void {
    this.#connections.renew(tls);
  }

  /**
   * Refuses new calls with UNAVAILABLE, lets those at work finish, and closes. Connections and streams that
   * are still open after `deadlineMs` are cut.
   *
   * @param deadlineMs @default {10000}
   */
  stop({ deadlineMs = 10_000 }: { deadlineMs?: number } = {}): Promise<void> {
    return this.#stopped ??= this.#stop(deadlineMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ deadlineMs: 0 });
  }

  async #stop(deadlineMs: number): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    this.#setServing(false);
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, deadlineMs);
    this.listener.stopAccepting();
    try {
      await Promise.race([this.#calls.close(), late.promise]);
      const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
      // Its sessions are closed before what they have to send is sent.
      await Promise.race([closed.then(() => this.listener.drained()), late.promise]);
    } finally {
      clearTimeout(timer);
      this.#server.forceShutdown();
      await this.listener[Symbol.asyncDispose]();
    }
  }

  async #look(buffer: StagingBuffer): Promise<void> {
    await buffer.recheck();
    this.#setServing(buffer.failure === undefined);
    this.#looking = undefined;
  }

  #setServing(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    for (const name of ["", SERVICE]) this.#health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  }
}

/** Holds connections that are accepted here, bounded, and handed to the server. */
class Connections {
  readonly listener: Listener;
  readonly #server: Server;
  #injector: ConnectionInjector;

  constructor(server: Server, options: IngestOptions) {
    const { listen = { hostname: "0.0.0.0", port: 50051 }, connections: limits, tls } = options;
    this.#server = server;
    this.#injector = server.createConnectionInjector(tls ? secure(tls) : ServerCredentials.createInsecure());
    this.listener = new Listener({
      listen,
      limits,
      name: "gRPC",
      onConnection: (connection) => {
        // A session notices no end before the client's first bytes.
        connection.once("end", () => connection.end());
        this.#injector.injectConnection(connection);
      },
    });
  }

  renew(tls: ServerTls): void {
    const old = this.#injector;
    this.#injector = this.#server.createConnectionInjector(secure(tls));
    old.destroy();
  }
}

type ConnectionInjector = ReturnType<Server["createConnectionInjector"]>;

function secure({ cert, key, clientCa }: ServerTls): ServerCredentials {
  const chain = Buffer.from(cert);
  // The first argument is given because the machine's roots stand in for it otherwise, and the names of all of
  // them are more than a handshake message may hold.
  const authorities = clientCa === undefined ? chain : Buffer.from(clientCa);
  const pair = { private_key: Buffer.from(key), cert_chain: chain };
  return ServerCredentials.createSsl(authorities, [pair], clientCa !== undefined);
}

/** Sends to the log what grpc-js would write to the console; what matters of it comes as an error, too. */
function logThroughLogtape(): void {
  const logger = getLogger(["aperture", "ingest", "grpc"]);
  const debug = (...parts: unknown[]) => logger.debug("{message}", { message: parts.join(" ") });
  setLogger({ error: debug, info: debug, debug });
}

function channelOptions(maxMessageBytes: number): ChannelOptions {
  return {
    "grpc.max_receive_message_length": maxMessageBytes,
    // A connection that is dead is found and closed, so that agents which come and go do not add up.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.max_concurrent_streams": 16,
  };
}

/**
 * Sets how much streams and connections of HTTP/2 carry before more is allowed. grpc-js has an option for that, but for
 * its clients alone.
 */
function setFlowControlWindows(
  server: Server,
  { stream, connection }: { stream: number; connection: number },
): void {
  const inner = server as unknown as {
    commonServerOptions?: { settings?: Settings };
    createHttp2Server?: (credentials: ServerCredentials) => Http2Server;
  };
  const { commonServerOptions, createHttp2Server } = inner;
  if (commonServerOptions?.settings === undefined || createHttp2Server === undefined) {
    throw new Error("grpc-js has its settings elsewhere");
  }
  commonServerOptions.settings.initialWindowSize = stream;
  inner.createHttp2Server = (credentials) =>
    createHttp2Server.call(server, credentials).on("session", (session: ServerHttp2Session) => {
      session.setLocalWindowSize(connection);
    });
}

type RawHandlers = Omit<AggregatorServer, "push"> & { push: ReturnType<typeof Calls.prototype.unary> };

/** Returns the service whose Push gives its handler the bytes. */
function rawPush(service: AggregatorService): ServiceDefinition<RawHandlers> {
  const raw = { ...service, push: { ...service.push, requestDeserialize: (bytes: Buffer) => bytes } };
  return raw as unknown as ServiceDefinition<RawHandlers>;
}

function handlers(options: IngestOptions, calls: Calls): RawHandlers {
  const { buffer, queries } = options;
  const byKind: Omit<AggregatorServer, "push"> = {
    query: calls.unary(({ agentId, limit }) => {
      const heads = buffer.list({ agentId, limit: limitOf(limit, { whenZero: 100, max: 1000 }) });
      return Promise.resolve({ batches: heads.map(stagedBatchMessage), staged: BigInt(buffer.staged) });
    }),
    queryStorage: calls.unary(async ({ selection, limit }, signal) => {
      const max = limitOf(limit, { whenZero: 10_000, max: 100_000 });
      return stacksMessage(await queries.stacks(selectionOf(selection, "selection"), { limit: max, signal }));
    }),
    aggregate: calls.unary(async ({ selection, groupBy, limit }, signal) => {
      const max = limitOf(limit, { whenZero: 100, max: 10_000 });
      const wanted = { groupBy: groupsOf(groupBy), limit: max, signal };
      return aggregateMessage(await queries.aggregate(selectionOf(selection, "selection"), wanted));
    }),
    diff: calls.unary(async ({ base, compare, limit }, signal) => {
      const max = limitOf(limit, { whenZero: 100, max: 10_000 });
      const sides = [selectionOf(base, "base"), selectionOf(compare, "compare")] as const;
      return diffMessage(await queries.diff(...sides, { limit: max, signal }));
    }),
  };
  return { ...byKind, push: calls.unary((bytes: Uint8Array) => push(bytes, options)) } as RawHandlers;
}
