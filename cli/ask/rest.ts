// SPDX-License-Identifier: Apache-2.0
/**
 * Asks an aggregator by REST.
 *
 * @module
 */

import * as v from "valibot";
import { fetchFailure } from "../../common/fetch_failure.ts";
import { UserError } from "../../common/main.ts";
import { defineSettings, httpUrl, path, text, type Values } from "../../common/settings.ts";

/** Says which aggregator is asked. */
export const SERVER_SETTINGS = defineSettings({
  server: {
    flag: "server",
    alias: "s",
    env: "APERTURE_SERVER",
    placeholder: "URL",
    help: "The aggregator's page and REST",
    default: "http://127.0.0.1:9090",
    schema: httpUrl(),
  },
  authToken: {
    flag: "auth-token",
    env: "APERTURE_AUTH_TOKEN",
    placeholder: "TOKEN",
    help: "The aggregator's token; the variable does not show in the process list",
    schema: text(),
  },
  caFile: {
    flag: "ca-file",
    env: "APERTURE_CA_FILE",
    placeholder: "FILE",
    help: "PEM of the authorities that may have signed an https aggregator's certificate",
    schema: path((file) => file),
  },
});

/** Is the answer to a question that the aggregator refused. */
export class RefusedError extends UserError {
  override name = "RefusedError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Params = Readonly<Record<string, string | number | boolean | undefined>>;

const ERROR = v.object({ error: v.object({ message: v.string() }) });

/** Asks one aggregator. Each method throws a {@linkcode UserError} that says what is wrong. */
export class Rest implements Disposable {
  readonly url: URL;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal;
  readonly #client: Deno.HttpClient | undefined;

  /** @throws {UserError} when the authorities' file cannot be read */
  constructor({ server, authToken, caFile }: Values<typeof SERVER_SETTINGS>, signal: AbortSignal) {
    this.url = server;
    this.#token = authToken;
    this.#signal = signal;
    this.#client = caFile === undefined ? undefined : Deno.createHttpClient({ caCerts: [readPem(caFile)] });
  }

  /** Asks for `path` and returns the answer as text. */
  async get(path: string, params: Params = {}): Promise<string> {
    return await (await this.#ask(path, { params })).text();
  }

  /** Asks for `path` and returns the answer's JSON. */
  async json<T>(path: string, params: Params = {}): Promise<T> {
    return JSON.parse(await this.get(path, params)) as T;
  }

  async bytes(path: string, params: Params = {}): Promise<Uint8Array> {
    return await (await this.#ask(path, { params })).bytes();
  }

  /** Sends `body`, JSON of what is no bytes nor a stream of them, and returns the answer as text. */
  async send(
    path: string,
    body: unknown,
    { method = "POST", params = {} }: { method?: string; params?: Params } = {},
  ): Promise<string> {
    const isBytes = body instanceof Uint8Array || body instanceof ReadableStream;
    return await (await this.#ask(path, {
      params,
      method,
      body: isBytes ? body as BodyInit : body === undefined ? null : JSON.stringify(body),
      type: isBytes ? "application/octet-stream" : "application/json",
    })).text();
  }

  [Symbol.dispose](): void {
    this.#client?.close();
  }

  async #ask(
    path: string,
    { params, method = "GET", body, type }: {
      params: Params;
      method?: string;
      body?: BodyInit | null;
      type?: string;
    },
  ): Promise<Response> {
    const url = new URL(this.url.pathname.replace(/\/$/, "") + path, this.url);
    for (const [name, value] of Object.entries(params)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        headers: {
          accept: "application/json",
          ...this.#token !== undefined && { authorization: `Bearer ${this.#token}` },
          ...type !== undefined && body !== null && { "content-type": type },
        },
        ...body !== undefined && { body },
        ...this.#client && { client: this.#client },
        redirect: "error",
        signal: this.#signal,
      });
    } catch (cause) {
      if (this.#signal.aborted) throw cause;
      throw new UserError(
        `Cannot reach the aggregator at ${this.url.origin}: ${fetchFailure(cause)}. ` +
          "Is it running? --server or APERTURE_SERVER says where it is",
        { cause },
      );
    }
    if (response.ok) return response;
    throw new RefusedError(response.status, await this.#explain(path, response));
  }

  async #explain(path: string, response: Response): Promise<string> {
    const text = await response.text();
    let said: string;
    try {
      said = v.parse(ERROR, JSON.parse(text)).error.message;
    } catch {
      return `${this.url.origin}${path} answered ${response.status}, and not as an aggregator does`;
    }
    if (response.status === 401) {
      return `Cannot ask ${this.url.origin} without its token: set APERTURE_AUTH_TOKEN (${said})`;
    }
    return said;
  }
}

function readPem(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new UserError(`Cannot read the authorities' certificates: ${(cause as Error).message}`, { cause });
  }
}
