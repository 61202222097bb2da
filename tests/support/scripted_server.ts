// SPDX-License-Identifier: Apache-2.0
/**
 * An HTTP server that answers as a test wants it to, which is not always well.
 *
 * @module
 */

export type Answer = (request: Request) => Response | Promise<Response>;

/** Counts what it is asked for. */
export class ScriptedServer implements AsyncDisposable {
  readonly url: URL;
  /** The paths of the requests, in order. */
  readonly paths: string[] = [];
  /** This many requests were open at the same time, at most. */
  most = 0;
  #open = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #stop = new AbortController();

  constructor(answer: Answer, tls: { key: string; cert: string } | Record<never, never> = {}) {
    const { signal } = this.#stop;
    const options = { hostname: "127.0.0.1", port: 0, signal, onListen() {}, ...tls };
    this.#server = Deno.serve(options, async (request) => {
      this.paths.push(new URL(request.url).pathname);
      this.most = Math.max(this.most, ++this.#open);
      try {
        return await answer(request);
      } finally {
        this.#open--;
      }
    });
    this.url = new URL(`${"key" in tls ? "https" : "http"}://127.0.0.1:${this.#server.addr.port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server.finished;
  }
}

/** Returns a body that gives `chunk` each `ms`, for ever. */
export function endless(chunk: Uint8Array<ArrayBuffer>, ms: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let timer: ReturnType<typeof setInterval>;
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(chunk), ms);
    },
    cancel() {
      clearInterval(timer);
    },
  });
}
