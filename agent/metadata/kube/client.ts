// SPDX-License-Identifier: Apache-2.0
/**
 * The one way in which the agent speaks to Kubernetes: GET with the service account's token, answers in JSON.
 *
 * A client library is not worth its weight here: the agent lists and watches one resource.
 *
 * @module
 */

/** The kubelet puts here a pod's service account. */
export const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface KubeClientOptions {
  /** `https://10.96.0.1:443` */
  readonly url: URL;
  /** It is read anew for each request, as the kubelet replaces it before it runs out. */
  readonly tokenFile?: string | undefined;
  /** It is PEM; it is read anew for each request, too. */
  readonly caFile?: string | undefined;
}

/** An answer that is not 200. */
export class KubeError extends Error {
  override name = "KubeError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** An error shows this much of an answer's text, in characters. */
const SHOWN = 200;

/** GETs of one server. */
export class KubeClient implements Disposable {
  readonly #url: URL;
  readonly #tokenFile: string | undefined;
  readonly #caFile: string | undefined;
  #ca = "";
  #client: Deno.HttpClient | undefined;

  constructor({ url, tokenFile, caFile }: KubeClientOptions) {
    this.#url = url;
    this.#tokenFile = tokenFile;
    this.#caFile = caFile;
  }

  [Symbol.dispose](): void {
    this.#client?.close();
    this.#client = undefined;
  }

  get url(): URL {
    return this.#url;
  }

  /**
   * Returns the answer to a GET, its body not yet read.
   *
   * @throws {KubeError} when the server refuses
   * @throws {Error} when it cannot be reached
   */
  async get(
    path: string,
    { query = {}, signal }: { query?: Readonly<Record<string, string>>; signal: AbortSignal },
  ): Promise<Response> {
    const url = new URL(path, this.#url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers = new Headers({ accept: "application/json", "user-agent": "aperture-agent" });
    // Not over plain http: whoever listens would have it.
    if (this.#tokenFile !== undefined && url.protocol === "https:") {
      headers.set("authorization", `Bearer ${(await Deno.readTextFile(this.#tokenFile)).trim()}`);
    }
    const client = await this.#connect();
    const response = await fetch(url, { headers, signal, redirect: "error", ...(client && { client }) });
    if (response.ok) return response;
    throw new KubeError(response.status, `${response.status} ${messageOf(await response.text())}`);
  }

  /** Makes a client that trusts the CA as it is now. */
  async #connect(): Promise<Deno.HttpClient | undefined> {
    if (this.#caFile === undefined || this.#url.protocol !== "https:") return undefined;
    const ca = await Deno.readTextFile(this.#caFile);
    if (this.#client === undefined || ca !== this.#ca) {
      this.#client?.close();
      this.#client = Deno.createHttpClient({ caCerts: [ca] });
      this.#ca = ca;
    }
    return this.#client;
  }
}

/** Returns what a refusal says: the `message` of a Status object, or the text itself. */
function messageOf(body: string): string {
  let text = body;
  try {
    text = String(JSON.parse(body).message ?? body);
  } catch {
    // A proxy's page, or none.
  }
  return text.trim().slice(0, SHOWN);
}

/** Returns the API server that a pod is told of by its environment; `undefined` outside of a cluster. */
export function inClusterUrl(host: string | undefined, port: string | undefined): URL | undefined {
  const url = `https://${host?.includes(":") ? `[${host}]` : host}:${port || "443"}`;
  return host && URL.canParse(url) ? new URL(url) : undefined;
}
