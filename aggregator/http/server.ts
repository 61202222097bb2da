/**
 * The listening socket.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Address } from "../../cli/settings.ts";

export interface ServeHttpOptions {
  readonly listen: Address;
  readonly handler: (request: Request) => Promise<Response>;
  /** Ends the server: what is under way is answered, no more is taken. */
  readonly signal?: AbortSignal;
}

/** A server that listens. */
export interface HttpServer extends AsyncDisposable {
  /** Where; the port is the one that was taken when 0 was asked for. */
  readonly address: Address;
  /** Settles when the server has ended. */
  readonly finished: Promise<void>;
}

/**
 * Listens on `listen` and answers by `handler`.
 *
 * @throws {Error} when the address cannot be listened on, saying why
 */
export function serveHttp({ listen, handler, signal }: ServeHttpOptions): HttpServer {
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ ...listen, onListen() {} }, handler);
  } catch (cause) {
    const where = `${listen.hostname}:${listen.port}`;
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new Error(`Cannot listen on ${where}: the port is in use`, { cause });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot listen on ${where}: ${why}`, { cause });
  }
  const { hostname, port } = server.addr;
  getLogger(["aperture", "http"]).info("Listening on {hostname}:{port}", { hostname, port });
  const stop = () => void server.shutdown();
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  const finished = server.finished.finally(() => signal?.removeEventListener("abort", stop));
  return {
    address: { hostname, port },
    finished,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await finished;
    },
  };
}
