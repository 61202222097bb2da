// SPDX-License-Identifier: Apache-2.0
/**
 * Gives what tests of one run share, whichever process they are in: databases on one engine, one browser, and boots of
 * other kernels.
 *
 * @module
 */

import { Boots } from "../../tests/support/boots.ts";
import type { EmbeddedClickHouse } from "../../aggregator/embedded/supervisor.ts";
import type { Databases, Form } from "./databases.ts";

export interface SharedOptions {
  /** It is added to the environment of what is started. */
  readonly env: Readonly<Record<string, string>>;
  /** The engine has its data below. */
  readonly folder: string;
}

interface SharedEngine {
  readonly engine: EmbeddedClickHouse;
  readonly databases: Databases;
}

/** A server on loopback that tests ask, see `tests/support/shared.ts`; what it gave ends with it. */
export class SharedServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #boots: Boots;
  readonly #folder: string;
  readonly #owned = new AsyncDisposableStack();
  #engine: Promise<SharedEngine> | undefined;
  #browser: Promise<string> | undefined;

  private constructor({ env, folder }: SharedOptions) {
    this.#boots = new Boots(env);
    this.#folder = folder;
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(new URL(request.url).pathname));
  }

  /** Starts the server; engine, browser and kernels start with the first who asks for one. */
  static start(options: SharedOptions): SharedServer {
    return new SharedServer(options);
  }

  /** Returns what tests find in `APERTURE_TEST_SHARED`. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Starts to boot all kernels, so that tests need not wait as long for what was seen there. */
  bootKernels(): void {
    this.#boots.startAll();
  }

  async #answer(path: string): Promise<Response> {
    try {
      const [, what, form, name] = path.split("/");
      if (what === "databases") {
        const { engine, databases } = await (this.#engine ??= this.#startEngine());
        if (name !== undefined) {
          await databases.give(name);
          return new Response();
        }
        const { url, username, password } = engine;
        return Response.json({ url, username, password, database: await databases.take(form as Form) });
      }
      if (path === "/browser") return new Response(await (this.#browser ??= this.#startBrowser()));
      return new Response(await this.#boots.output(path.slice("/kernels/".length)));
    } catch (error) {
      return new Response((error as Error).message, { status: 500 });
    }
  }

  async #startEngine(): Promise<SharedEngine> {
    // A run that asks for no engine need not load what starts one.
    const [{ EmbeddedClickHouse }, { Databases }] = await Promise.all([
      import("../../aggregator/embedded/supervisor.ts"),
      import("./databases.ts"),
    ]);
    const dataDir = await Deno.makeTempDir({ dir: this.#folder, prefix: "engine-" });
    this.#owned.defer(() => Deno.remove(dataDir, { recursive: true }));
    const engine = this.#owned.use(await EmbeddedClickHouse.start({ dataDir }));
    const { url, username, password } = engine;
    return { engine, databases: this.#owned.use(new Databases({ url, username, password })) };
  }

  /** Returns the address at which playwright finds the browser. */
  async #startBrowser(): Promise<string> {
    const [{ chromium }, { CHROMIUM }] = await Promise.all([
      import("playwright-core"),
      import("../../tests/support/browser.ts"),
    ]);
    const server = await chromium.launchServer({ ...CHROMIUM, args: [...CHROMIUM.args] });
    this.#owned.defer(() => server.close());
    return server.wsEndpoint();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.#owned.disposeAsync();
  }
}
