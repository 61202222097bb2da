// SPDX-License-Identifier: Apache-2.0
/**
 * ClickHouse as it may be: away, slow, failing, or answering with an error after it did what it was asked.
 *
 * @module
 */

/**
 * - `well`: as the server answers;
 * - `slow`: after a while;
 * - `failing`: an error at once, and nothing is done;
 * - `lying`: what is asked is done, and an error is answered;
 * - `mute`: what is asked is done, and the connection ends without an answer.
 */
export const MOODS = ["well", "slow", "failing", "lying", "mute"] as const;
export type Mood = (typeof MOODS)[number];

const SLOW_MS = 400;

/** An HTTP server before the one at `target`. */
export class Front implements AsyncDisposable {
  mood: Mood = "well";
  readonly url: string;
  readonly #target: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(target: string) {
    this.#target = target;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { mood } = this;
    if (mood === "failing") return failure();
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.delete("host");
    const { method } = request;
    // Whole, as a client that goes must not take half of an INSERT along.
    const body = method === "GET" || method === "HEAD" ? null : await request.arrayBuffer();
    const response = await fetch(`${this.#target}${pathname}${search}`, { method, headers, body });
    const answer = await response.arrayBuffer();
    if (mood === "lying") return failure();
    if (mood === "mute") {
      return new Response(new ReadableStream({ start: (controller) => controller.error(new Error("mute")) }));
    }
    if (mood === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    return new Response(answer, { status: response.status, headers: response.headers });
  }
}

function failure(): Response {
  return new Response("Code: 209. DB::NetException: Timeout exceeded. (SOCKET_TIMEOUT)\n", {
    status: 500,
    headers: { "x-clickhouse-exception-code": "209" },
  });
}
