// SPDX-License-Identifier: Apache-2.0
/**
 * The gRPC client of Push, which sends batches that are encoded already.
 *
 * @module
 */

import {
  type ChannelCredentials,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import {
  AggregatorClient,
  AggregatorService,
  type PushResponse,
} from "../../proto/gen/aperture/v1/aperture.ts";
import { replicaOrder } from "./replica_order.ts";

/** Is what an aggregator says when it has taken a batch. */
export type PushAnswer = Pick<PushResponse, "backpressure" | "duplicate"> & Partial<PushResponse>;

/** Says how batches reach an aggregator. */
export interface Transport {
  /**
   * Sends one encoded `PushRequest`.
   *
   * @throws {PushError}
   */
  push(request: Uint8Array, options: { signal: AbortSignal }): Promise<PushAnswer>;
}

/** The aggregator did not take a batch, or could not be asked. */
export class PushError extends Error {
  override name = "PushError";
  /** gRPC's status code. */
  readonly code: status;
  /** The aggregator wants to be asked again after so long, in ms. */
  readonly retryMs: number | undefined;

  constructor(
    code: status,
    details: string,
    { retryMs, ...options }: ErrorOptions & { retryMs?: number } = {},
  ) {
    super(details, options);
    this.code = code;
    this.retryMs = retryMs;
  }
}

export interface PushClientOptions {
  /** `http:` speaks plain text, `https:` TLS. */
  readonly url: URL;
  /** Bearer token. */
  readonly token?: string | undefined;
  /** PEM of the authorities to trust in place of the usual ones; for `https:` alone. */
  readonly ca?: string | undefined;
  /** PEM that the aggregator is shown; for `https:` alone. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** One call may take this long, in ms. @default {20000} */
  readonly deadlineMs?: number;
  /** Compress with gzip. @default {true} */
  readonly gzip?: boolean;
}

/**
 * A connection to one aggregator, made when it is first needed and again when it is lost.
 *
 * @example
 * ```ts
 * using client = new PushClient({ url: new URL("http://localhost:50051") });
 * ```
 */
export class PushClient implements Transport, Disposable {
  readonly #client: AggregatorClient;
  readonly #token: string | undefined;
  readonly #deadlineMs: number;

  constructor({ url, token, ca, certificate, deadlineMs = 20_000, gzip = true }: PushClientOptions) {
    this.#client = new AggregatorClient(targetOf(url), credentialsOf(url, { ca, certificate }), {
      "grpc.default_compression_algorithm": gzip
        ? compressionAlgorithms.gzip
        : compressionAlgorithms.identity,
      ...replicaOrder(),
      // Connections that others in this process have would be taken before any other address.
      "grpc.use_local_subchannel_pool": 1,
      // The pusher waits between its tries; a channel that waits longer would only hide that all is well again.
      "grpc.initial_reconnect_backoff_ms": 500,
      "grpc.max_reconnect_backoff_ms": 5000,
      // A peer that vanished without a word is found, and another connection made.
      "grpc.keepalive_time_ms": 20_000,
      "grpc.keepalive_timeout_ms": 10_000,
    });
    this.#token = token;
    this.#deadlineMs = deadlineMs;
  }

  push(request: Uint8Array, { signal }: { signal: AbortSignal }): Promise<PushResponse> {
    const { path, responseDeserialize } = AggregatorService.push;
    const metadata = new Metadata();
    if (this.#token !== undefined) metadata.set("authorization", `Bearer ${this.#token}`);
    const { promise, resolve, reject } = Promise.withResolvers<PushResponse>();
    if (signal.aborted) {
      reject(new PushError(status.CANCELLED, "Stopped before it was sent"));
      return promise;
    }
    const call = this.#client.makeUnaryRequest(
      path,
      (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + this.#deadlineMs },
      (error: ServiceError | null, response?: PushResponse) => {
        signal.removeEventListener("abort", cancel);
        if (error) reject(pushErrorOf(error));
        else resolve(response!);
      },
    );
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    return promise;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** The trailer by which gRPC's own retries are told when to come back, in ms. */
const RETRY_HINT = "grpc-retry-pushback-ms";

function pushErrorOf(error: ServiceError): PushError {
  const [hint] = error.metadata?.get(RETRY_HINT) ?? [];
  const retryMs = typeof hint === "string" && /^\d{1,9}$/.test(hint) ? { retryMs: Number(hint) } : {};
  return new PushError(error.code, error.details || error.message, { cause: error, ...retryMs });
}

/** `dns:` lets a name stand for several addresses, as that of a headless Service does. */
function targetOf(url: URL): string {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return `dns:${url.hostname}:${port}`;
}

function credentialsOf(
  url: URL,
  { ca, certificate }: Pick<PushClientOptions, "ca" | "certificate">,
): ChannelCredentials {
  if (url.protocol !== "https:") return credentials.createInsecure();
  const buffer = (pem: string | undefined) => pem === undefined ? null : Buffer.from(pem);
  const secure = credentials.createSsl(buffer(ca), buffer(certificate?.key), buffer(certificate?.cert));
  return isIP(url.hostname.replaceAll(/[[\]]/g, "")) === 0 ? secure : withoutServerName(secure);
}

/**
 * Has the handshake name no server: that of an address has no name (RFC 6066, section 3), and Deno refuses the address
 * in its place. The certificate must be one for the address all the same.
 */
function withoutServerName(secure: ChannelCredentials): ChannelCredentials {
  const create = secure._createSecureConnector.bind(secure);
  secure._createSecureConnector = (...args) => {
    const connector: ReturnType<typeof create> & { connectionOptions?: { servername?: string } } = create(
      ...args,
    );
    delete connector.connectionOptions?.servername;
    return connector;
  };
  return secure;
}
