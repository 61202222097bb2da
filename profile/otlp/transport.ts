// SPDX-License-Identifier: Apache-2.0
/**
 * Sends requests of OTLP's profiles to a collector, by HTTP or gRPC.
 *
 * @module
 */

import {
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { fetchFailure } from "../../common/fetch_failure.ts";
import { within } from "../../common/timeout.ts";

/** Says where and how requests are sent. */
export interface OtlpTarget {
  readonly protocol: "grpc" | "http/protobuf";
  /** Is the whole URL of HTTP; of gRPC, scheme, host and port. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly gzip: boolean;
  readonly timeoutMs: number;
  /** Is the PEM of the authorities to trust in place of the usual ones. */
  readonly ca?: string | undefined;
}

/** Is what a collector said. */
export type Answer =
  | { readonly result: "sent"; readonly response: Uint8Array }
  /** To send it again is of no use. */
  | { readonly result: "refused"; readonly why: string }
  | { readonly result: "failed"; readonly why: string; readonly retryMs?: number };

export interface OtlpTransport extends Disposable {
  /** Sends one encoded request; it never throws. */
  send(request: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Answer>;
}

const VERSION = { "otlp-profiles-development-version": "1" };
/** Collectors want to be asked again after these. */
const AGAIN = new Set([408, 429, 502, 503, 504]);

/** Makes the transport that `target` names. */
export function openTransport(target: OtlpTarget): OtlpTransport {
  return target.protocol === "grpc" ? new GrpcTransport(target) : new HttpTransport(target);
}

class HttpTransport implements OtlpTransport {
  readonly #target: OtlpTarget;
  readonly #client: Deno.HttpClient;

  constructor(target: OtlpTarget) {
    this.#target = target;
    this.#client = Deno.createHttpClient(target.ca === undefined ? {} : { caCerts: [target.ca] });
  }

  async send(request: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Answer> {
    const { url, headers, timeoutMs, gzip: packs } = this.#target;
    try {
      const body = packs ? new Uint8Array(await promisify(gzip)(request)) : request;
      return await within(timeoutMs, async (signal) => {
        const response = await fetch(url, {
          method: "POST",
          client: this.#client,
          redirect: "error",
          headers: {
            ...headers,
            ...VERSION,
            "content-type": "application/x-protobuf",
            ...packs && { "content-encoding": "gzip" },
          },
          body,
          signal,
        });
        const bytes = await response.bytes();
        if (response.ok) return { result: "sent", response: bytes };
        const why = `HTTP ${response.status}`;
        if (!AGAIN.has(response.status)) return { result: "refused", why };
        const seconds = Number(response.headers.get("retry-after") ?? NaN);
        return { result: "failed", why, ...seconds >= 0 && { retryMs: 1000 * seconds } };
      }, { signal });
    } catch (error) {
      return { result: "failed", why: fetchFailure(error) };
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

const PATH = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
/** A collector that ends a call with these may take it later; the exhausted one says so where it will. */
const LATER = new Set([
  status.UNAVAILABLE,
  status.ABORTED,
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.OUT_OF_RANGE,
  status.DATA_LOSS,
]);

class GrpcTransport implements OtlpTransport {
  readonly #client: Client;
  readonly #target: OtlpTarget;

  constructor(target: OtlpTarget) {
    const { url, ca } = target;
    const secure = url.protocol === "https:";
    const port = url.port || (secure ? "443" : "4317");
    this.#target = target;
    this.#client = new Client(
      `dns:${url.hostname}:${port}`,
      secure
        ? credentials.createSsl(ca === undefined ? null : Buffer.from(ca))
        : credentials.createInsecure(),
      {
        "grpc.default_compression_algorithm": target.gzip
          ? compressionAlgorithms.gzip
          : compressionAlgorithms.identity,
        "grpc.use_local_subchannel_pool": 1,
        "grpc.initial_reconnect_backoff_ms": 500,
        "grpc.max_reconnect_backoff_ms": 5000,
        "grpc.keepalive_time_ms": 30_000,
        "grpc.keepalive_timeout_ms": 10_000,
      },
    );
  }

  send(request: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Answer> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries({ ...this.#target.headers, ...VERSION })) {
      metadata.set(name, value);
    }
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const bytes = (message: Uint8Array) => Buffer.from(message);
    const cancel = () => call.cancel();
    const call = this.#client.makeUnaryRequest(
      PATH,
      bytes,
      (message: Buffer) => message as Uint8Array,
      request,
      metadata,
      { deadline: Date.now() + this.#target.timeoutMs },
      (error: ServiceError | null, response?: Uint8Array) => {
        signal.removeEventListener("abort", cancel);
        resolve(error ? answerOf(error) : { result: "sent", response: response! });
      },
    );
    signal.addEventListener("abort", cancel, { once: true });
    return promise;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function answerOf({ code, details, metadata }: ServiceError): Answer {
  const why = `${status[code]}: ${details}`;
  // One that is exhausted takes it later only where it says when.
  const [more] = metadata?.get("grpc-status-details-bin") ?? [];
  const isHinted = code === status.RESOURCE_EXHAUSTED && more !== undefined &&
    Buffer.from(more).includes("google.rpc.RetryInfo");
  return LATER.has(code) || isHinted ? { result: "failed", why } : { result: "refused", why };
}
