// SPDX-License-Identifier: Apache-2.0
/**
 * HTTP on a port, with bounds on who connects, what is sent and how long that takes.
 *
 * @module
 */

import { settledWithin } from "./timeout.ts";
import { getLogger } from "@logtape/logtape";
import {
  type IncomingMessage,
  Server as PlainServer,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { Server as SecureServer, type ServerOptions as SecureOptions } from "node:https";
import { BadRequestError, sendResponse, toRequest } from "./net/exchange.ts";
import { type ConnectionLimits, Listener } from "./net/listener.ts";
import type { Address } from "./settings.ts";

/** Holds what is known of a request beside what it says. */
export interface RequestInfo {
  /** It is the address of the client, or of the last proxy before this server. */
  readonly remoteAddress: string;
  /** Settles when the answer was sent, or its client has gone. */
  readonly answered: Promise<void>;
}

/** A certificate and its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface ServeHttpOptions {
  readonly listen: Address;
  /** It must not reject. */
  readonly handler: (request: Request, info: RequestInfo) => Promise<Response>;
  /** Speaks TLS; another one can be taken later, see {@linkcode HttpServer.renew}. */
  readonly tls?: Certificate | undefined;
  readonly limits?: Partial<HttpLimits> | undefined;
  /** Ends the server, as disposing of it does. */
  readonly signal?: AbortSignal;
  /**
   * Disposing waits this long for answers that are under way, in ms: for a client that reads nothing, or sent half a
   * request, it would wait for ever.
   *
   * @default {5000}
   */
  readonly graceMs?: number;
}

export interface HttpLimits extends ConnectionLimits {
  /** It may take so long from the begin of a request to the end of its head, in ms. @default {10000} */
  readonly headMs: number;
  /** It may take so long from the begin of a request to its end, in ms. @default {30000} */
  readonly requestMs: number;
  /** Every client must take so much of an answer, on an average after the first `unreadMs`. @default {65536} */
  readonly bytesPerSecond: number;
}

/** A server that listens. To dispose of it finishes what is under way and takes no more. */
export interface HttpServer extends AsyncDisposable {
  /** Is where it listens; the port is the one that was taken when 0 was asked for. */
  readonly address: Address;
  /** Settles when the server has ended and its last client is gone. */
  readonly finished: Promise<void>;
  /** Metrics are read from it. */
  readonly listener: Listener;
  /** Shows another certificate to the clients that come from now on. */
  renew(certificate: Certificate): void;
}

/** Requests that are under way are looked at this often. */
const CHECK_MS = 1000;
const MAX_HEAD_BYTES = 16 * 1024;
const MAX_HEADERS = 100;
/** Says what a request that was never whole is answered, by node's word for why. */
const REFUSALS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
};

/**
 * Listens on `listen` and answers by `handler`.
 *
 * @throws {ListenError} when the address cannot be listened on, saying why
 */
export function serveHttp(options: ServeHttpOptions): HttpServer {
  const { listen, signal, limits, graceMs = 5000, tls } = options;
  const exchanges = new Exchanges(options);
  const server = serverOf(exchanges, options);
  const listener = new Listener({
    listen,
    limits,
    name: "HTTP",
    onConnection: (connection) => server.emit("connection", connection),
  });
  const { hostname, port } = listener.address;
  getLogger(["aperture", "http"]).info("Listening on {hostname}:{port}", { hostname, port });
  const finished = Promise.withResolvers<void>();
  let ending: Promise<void> | undefined;
  const end = () =>
    ending ??= (async () => {
      signal?.removeEventListener("abort", end);
      listener.stopAccepting();
      await settledWithin(graceMs, exchanges.end());
      await listener[Symbol.asyncDispose]();
      server.close();
      finished.resolve();
    })();
  if (signal?.aborted) end();
  signal?.addEventListener("abort", end, { once: true });
  return {
    address: listener.address,
    finished: finished.promise,
    listener,
    renew(certificate) {
      if (tls) (server as SecureServer).setSecureContext({ ...certificate });
    },
    [Symbol.asyncDispose]: () => end(),
  };
}

/** A server takes connections that another listens for; node's asks whether it listens itself before it keeps one. */
function serverOf(exchanges: Exchanges, { tls, limits = {} }: ServeHttpOptions): PlainServer | SecureServer {
  const { headMs = 10_000, requestMs = 30_000, idleMs = 120_000 } = limits;
  const options: ServerOptions & SecureOptions = {
    ...tls,
    headersTimeout: headMs,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: MAX_HEAD_BYTES,
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    void exchanges.run(request, response);
  };
  const server = tls ? new SecureServer(options, listener) : new PlainServer(options, listener);
  Object.defineProperty(server, "listening", { get: () => !exchanges.ending });
  server.maxHeadersCount = MAX_HEADERS;
  // Begins to watch the times of requests.
  server.emit("listening");
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // Browsers open connections ahead, and would take an answer on one that asked nothing for that of their next request.
    const asked = !("bytesRead" in socket) || socket.bytesRead !== 0;
    if (!socket.writable || !asked) return void socket.destroy();
    socket.end(`HTTP/1.1 ${REFUSALS[error.code ?? ""] ?? "400 Bad Request"}\r\nconnection: close\r\n\r\n`);
  });
  return server;
}

/** The requests that are being answered. */
class Exchanges {
  readonly #handler: ServeHttpOptions["handler"];
  readonly #scheme: "http" | "https";
  readonly #graceMs: number;
  readonly #bytesPerMs: number;
  readonly #logger = getLogger(["aperture", "http"]);
  #running = 0;
  #ended: PromiseWithResolvers<void> | undefined;

  constructor({ handler, tls, limits = {} }: ServeHttpOptions) {
    this.#handler = handler;
    this.#scheme = tls ? "https" : "http";
    this.#graceMs = limits.unreadMs ?? 30_000;
    this.#bytesPerMs = (limits.bytesPerSecond ?? 65_536) / 1000;
  }

  get ending(): boolean {
    return this.#ended !== undefined;
  }

  /** Settles when none is left. */
  end(): Promise<void> {
    this.#ended ??= Promise.withResolvers();
    if (this.#running === 0) this.#ended.resolve();
    return this.#ended.promise;
  }

  async run(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    const answered = Promise.withResolvers<void>();
    response.once("close", () => {
      if (!response.writableFinished) gone.abort(new DOMException("The client has gone", "AbortError"));
    });
    // A reset is told as an error of the request.
    request.on("error", () => {});
    response.on("error", () => {});
    if (this.ending) response.setHeader("connection", "close");
    this.#running++;
    try {
      const answer = await this.#answer(request, { signal: gone.signal, answered: answered.promise });
      await this.#send(response, answer);
    } catch (error) {
      this.#logger.debug("An answer was not read: {error}", { error });
      response.destroy();
    } finally {
      answered.resolve();
      if (--this.#running === 0) this.#ended?.resolve();
    }
  }

  async #answer(
    request: IncomingMessage,
    { signal, answered }: { signal: AbortSignal; answered: Promise<void> },
  ): Promise<Response> {
    try {
      const remoteAddress = request.socket.remoteAddress ?? "";
      const asked = toRequest(request, { scheme: this.#scheme, signal });
      return await this.#handler(asked, { remoteAddress, answered });
    } catch (error) {
      if (error instanceof BadRequestError) return new Response(`${error.message}\n`, { status: 400 });
      this.#logger.error("Cannot answer a request: {error}", { error });
      return new Response("Something went wrong here\n", { status: 500 });
    }
  }

  /** Cuts a client that takes its answer too slowly; one of unknown length must only go on. */
  async #send(response: ServerResponse, answer: Response): Promise<void> {
    const size = answer.headers.get("content-length");
    const timer = size === null
      ? undefined
      : setTimeout(() => response.destroy(), this.#graceMs + Number(size) / this.#bytesPerMs);
    try {
      await sendResponse(response, answer);
    } finally {
      clearTimeout(timer);
    }
  }
}
