// SPDX-License-Identifier: Apache-2.0
/**
 * Stands before an aggregator for clients that ask it the same in several ways of showing what it answers.
 *
 * @module
 */

/** What is stored answers these; all else is of the aggregator itself, or changes something. */
const QUESTION = /^\/api\/(aggregate|diff|export\/\w+|flamegraph|kinds|labels|locks|syscalls|timeline|top)$/;

interface Kept {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Passes requests on, but for a question that was answered before: that has the same answer again. */
export class RememberingProxy implements AsyncDisposable {
  readonly #to: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #kept = new Map<string, Promise<Kept>>();
  /** Counts the questions that came, and those that were passed on. */
  readonly counts = { asked: 0, passed: 0 };

  /** @param to the aggregator's address of REST */
  constructor(to: string) {
    this.#to = to;
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const body = await request.bytes();
    const { status, headers, body: answer } = QUESTION.test(pathname)
      ? await this.#ask(request, pathname + search, body)
      : await this.#pass(request, pathname + search, body);
    return new Response(answer, { status, headers });
  }

  async #ask(request: Request, path: string, body: Uint8Array<ArrayBuffer>): Promise<Kept> {
    this.counts.asked++;
    const { method, headers } = request;
    const key = JSON.stringify([method, path, [...headers], new TextDecoder().decode(body)]);
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      this.counts.passed++;
      kept = this.#pass(request, path, body);
      this.#kept.set(key, kept);
    }
    const answer = await kept.catch((error) => {
      this.#kept.delete(key);
      throw error;
    });
    // What could not be answered may be answered next.
    if (answer.status !== 200) this.#kept.delete(key);
    return answer;
  }

  async #pass({ method, headers }: Request, path: string, body: Uint8Array<ArrayBuffer>): Promise<Kept> {
    const sent = [...headers].filter(([name]) =>
      !/^(host|connection|content-length|accept-encoding)$/.test(name)
    );
    const response = await fetch(this.#to + path, {
      ...{ method, headers: sent },
      ...body.length > 0 && { body },
    });
    return {
      status: response.status,
      headers: [...response.headers].filter(([name]) =>
        !/^(connection|content-(length|encoding)|transfer-encoding)$/.test(name)
      ),
      body: await response.bytes(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
