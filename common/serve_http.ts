/**
 * The listening socket of HTTP.
 *
 * @module
 */

import { settledWithin } from "./timeout.ts";
import { getLogger } from "@logtape/logtape";
import type { Address } from "./settings.ts";

export interface ServeHttpOptions {
  readonly listen: Address;
  /** Must not reject. */
  readonly handler: (request: Request) => Promise<Response>;
  /** Ends the server, as disposing of it does. */
  readonly signal?: AbortSignal;
  /**
   * How long disposing waits for answers that are under way, in ms: for a client that reads nothing, or sent half a
   * request, it would wait for ever.
   *
   * @default {5000}
   */
  readonly graceMs?: number;
}

/** A server that listens. To dispose of it finishes what is under way and takes no more. */
export interface HttpServer extends AsyncDisposable {
  /** Where; the port is the one that was taken when 0 was asked for. */
  readonly address: Address;
  /** Settles when the server has ended and its last client is gone. */
  readonly finished: Promise<void>;
}

/**
 * Listens on `listen` and answers by `handler`.
 *
 * @throws {Error} when the address cannot be listened on, saying why
 */
export function serveHttp({ listen, handler, signal, graceMs = 5000 }: ServeHttpOptions): HttpServer {
  const server = listenOn(listen, handler);
  const end = () => void server.shutdown();
  if (signal?.aborted) end();
  signal?.addEventListener("abort", end, { once: true });
  const { hostname, port } = server.addr;
  getLogger(["aperture", "http"]).info("Listening on {hostname}:{port}", { hostname, port });
  const finished = server.finished.finally(() => signal?.removeEventListener("abort", end));
  return {
    address: { hostname, port },
    finished,
    async [Symbol.asyncDispose]() {
      end();
      await settledWithin(graceMs, finished);
    },
  };
}

function listenOn(
  { hostname, port }: Address,
  handler: ServeHttpOptions["handler"],
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen() {} }, handler);
  } catch (cause) {
    const where = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new Error(`Cannot listen on ${where}: the port is in use`, { cause });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot listen on ${where}: ${why}`, { cause });
  }
}
