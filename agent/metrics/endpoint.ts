// SPDX-License-Identifier: Apache-2.0
/**
 * The agent's own HTTP side: metrics and probes.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import { Burst } from "../../common/log.ts";
import { metricsText } from "../../common/metrics.ts";
import { serveHttp } from "../../common/serve_http.ts";
import type { Address } from "../../common/settings.ts";
import type { Recording } from "../agent.ts";
import { AgentMetrics, type MetricSources } from "./metrics.ts";

const failures = new Burst(getLogger(["aperture", "http"]));

/** After so many windows, and at least so many ms, without a new one, it is not ready, and not alive. */
const LATE = { windows: 3, ms: 30_000 } as const;
const STALLED = { windows: 6, ms: 120_000 } as const;
/** These are answered, to everybody. */
export const PATHS: readonly string[] = ["/metrics", "/healthz", "/readyz"];
const TEXT = "text/plain; charset=utf-8";

export interface EndpointOptions extends MetricSources {
  readonly listen: Address;
  /** Returns the time in ms; it does not jump. @default {performance.now} */
  readonly clock?: () => number;
}

/**
 * Answers `/metrics`, `/healthz` and `/readyz` until it is disposed of, which waits for no client.
 *
 * Both probes ask when the last window was handed over: an agent that is late does not see what its node does, and is
 * not ready; one that has stood still for long will not go on, and is to be started again. Whether the aggregator
 * takes what is pushed is no part of it, as another agent could do no better.
 */
export class AgentEndpoint implements AsyncDisposable {
  readonly address: Address;
  readonly #metrics: AgentMetrics;
  readonly #windowMs: number;
  readonly #clock: () => number;
  readonly #server: AsyncDisposable;
  #last: number;

  /** @throws {Error} when the address cannot be listened on, saying why */
  constructor({ listen, clock = () => performance.now(), ...sources }: EndpointOptions) {
    this.#metrics = new AgentMetrics(sources);
    this.#windowMs = sources.windowMs;
    this.#clock = clock;
    this.#last = clock();
    const server = serveHttp({ listen, handler: (request) => this.#answer(request), graceMs: 0 });
    this.#server = server;
    this.address = server.address;
  }

  /** Counts a window. */
  window(recording: Recording): void {
    this.#last = this.#clock();
    this.#metrics.window(recording);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #answer(request: Request): Promise<Response> {
    try {
      const response = await this.#route(request);
      return request.method === "HEAD" ? new Response(null, response) : response;
    } catch (error) {
      const { message, stack = message } = error as Error;
      failures.warn("failed", `Request failed: ${stack}`);
      return plain("Something went wrong here: the agent's log says what\n", {
        status: STATUS_CODE.InternalServerError,
      });
    }
  }

  async #route({ method, url, headers }: Request): Promise<Response> {
    const { pathname } = new URL(url);
    if (!PATHS.includes(pathname)) {
      const message = `No such path: ${pathname} (there are ${PATHS.join(", ")})\n`;
      return plain(message, { status: STATUS_CODE.NotFound });
    }
    if (method !== "GET" && method !== "HEAD") {
      const message = `Cannot ${method} ${pathname}: it takes GET, HEAD\n`;
      return plain(message, { status: STATUS_CODE.MethodNotAllowed, headers: { allow: "GET, HEAD" } });
    }
    if (pathname === "/healthz") return this.#probe(STALLED, "ok");
    if (pathname === "/readyz") return this.#probe(LATE, "ready");
    const { type, body } = await metricsText(this.#metrics.registry, headers.get("accept"));
    return plain(body, { headers: { "content-type": type } });
  }

  #probe({ windows, ms }: typeof LATE | typeof STALLED, good: string): Response {
    const since = this.#clock() - this.#last;
    if (since <= Math.max(windows * this.#windowMs, ms)) return plain(`${good}\n`);
    const [ago, window] = [since, this.#windowMs].map((ms) => `${Math.round(ms / 1000)} s`);
    const message = `No window for ${ago}: one should take ${window}\n`;
    return plain(message, { status: STATUS_CODE.ServiceUnavailable });
  }
}

function plain(body: string, { status = STATUS_CODE.OK as number, headers = {} } = {}): Response {
  const length = String(new TextEncoder().encode(body).length);
  const all = { "content-type": TEXT, "content-length": length, "cache-control": "no-store", ...headers };
  return new Response(body, { status, headers: all });
}
