// SPDX-License-Identifier: Apache-2.0
/**
 * Starts the agent and the aggregator as processes, for the demo, the tests and the benchmarks.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { freePort } from "../common/free_port.ts";
import { UserError } from "../common/main.ts";
import { taskFlags } from "../common/task_flags.ts";

/** An aggregator is ready within this, also on a machine that is busy, or whose disk is slow, in ms. */
const READY_MS = 300_000;

const ROOT = new URL("..", import.meta.url).pathname;

export interface ProgramOptions {
  /** They are added to the environment without the variables of settings, so that a run is the same anywhere. */
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of Deno. @default {those of the part's task} */
  readonly flags?: readonly string[];
  /** A command that runs the program, such as `setpriv …`. @default {none} */
  readonly wrapper?: readonly string[];
  /** @default {"inherit"} */
  readonly stderr?: "inherit" | "piped" | "null";
  /** @default {"null"} */
  readonly stdout?: "inherit" | "piped" | "null";
}

/** The main file of each part, which is called as its task is. */
const MAINS = {
  agent: "agent/main.ts",
  aggregator: "aggregator/main.ts",
  clickhouse: "aggregator/embedded/main.ts",
} as const;

/** A part as a process; disposing stops it in order and waits for it. */
export class Program implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly #part: keyof typeof MAINS;
  #ended: Deno.CommandStatus | undefined;

  constructor(part: keyof typeof MAINS, args: readonly string[], options: ProgramOptions = {}) {
    this.#part = part;
    const isSetting = (name: string) => /^(APERTURE|DEBUGINFOD)_/.test(name);
    const inherited = Object.entries(Deno.env.toObject()).filter(([name]) => !isSetting(name));
    const [command, ...rest] = [
      ...options.wrapper ?? [],
      Deno.execPath(),
      "run",
      ...options.flags ?? taskFlags(part),
      `--config=${ROOT}deno.json`,
      ROOT + MAINS[part],
      ...args,
    ];
    this.child = new Deno.Command(command!, {
      args: rest,
      env: { ...Object.fromEntries(inherited), ...options.env },
      clearEnv: true,
      stdin: "null",
      stdout: options.stdout ?? "null",
      stderr: options.stderr ?? "inherit",
    }).spawn();
    this.child.status.then((status) => this.#ended = status);
  }

  /** Is how it ended; `undefined` while it runs. */
  get ended(): Deno.CommandStatus | undefined {
    return this.#ended;
  }

  /** @throws {UserError} when it has ended: its own message stands above */
  assertRunning(): void {
    if (this.#ended) throw new UserError(`The ${this.#part} ended with status ${this.#ended.code}`);
  }

  /**
   * Waits until `check` says yes.
   *
   * @throws {UserError} when the program ends before
   */
  async until(check: () => Promise<boolean>): Promise<void> {
    while (!await check()) {
      this.assertRunning();
      await delay(50);
    }
  }

  /** Asks it to stop and waits until it has. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    if (this.#ended === undefined) this.child.kill(signal);
    return await this.child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export interface AggregatorOptions extends ProgramOptions {
  readonly args?: readonly string[];
  /** It is preferred for HTTP when it is free. */
  readonly port?: number;
  /** PEM of the authority of its certificate, where it has one. */
  readonly ca?: string;
  /** It may take so long until it is ready, in ms. @default {READY_MS} */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** An aggregator that is ready. */
export class RunningAggregator extends Program {
  /** The page and REST: `http://127.0.0.1:9090`. */
  readonly http: string;
  /** It is for the agent's `--aggregator`. */
  readonly grpc: string;
  readonly #client: Deno.HttpClient | undefined;

  private constructor(grpcPort: number, httpPort: number, options: AggregatorOptions) {
    super("aggregator", [
      `--listen=127.0.0.1:${grpcPort}`,
      `--admin-listen=127.0.0.1:${httpPort}`,
      ...options.args ?? [],
    ], options);
    const scheme = options.ca === undefined ? "http" : "https";
    this.grpc = `${scheme}://127.0.0.1:${grpcPort}`;
    this.http = `${scheme}://127.0.0.1:${httpPort}`;
    this.#client = options.ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [options.ca] });
  }

  /**
   * Starts one on loopback and waits until `/readyz` says yes.
   *
   * @throws {UserError} when it ends or is not ready in time
   */
  static async start(options: AggregatorOptions = {}): Promise<RunningAggregator> {
    const aggregator = new RunningAggregator(freePort(), freePort(options.port), options);
    const deadline = performance.now() + (options.timeout ?? READY_MS);
    while (!await aggregator.isReady()) {
      aggregator.assertRunning();
      if (performance.now() > deadline || options.signal?.aborted) {
        await aggregator.stop();
        throw options.signal?.reason ??
          new UserError(`The aggregator is not ready after ${(options.timeout ?? READY_MS) / 1000} s`);
      }
      await delay(50);
    }
    return aggregator;
  }

  /** Returns what `/readyz` says now. */
  async isReady(): Promise<boolean> {
    const response = await this.fetch("/readyz").catch(() => undefined);
    await response?.body?.cancel();
    return response?.ok ?? false;
  }

  /** Asks for `path`. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.http + path, this.#client ? { ...init, client: this.#client } : init);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#client?.close();
  }

  /** Returns the JSON that `path` answers; throws for any status but 200. */
  async json(path: string, init?: RequestInit): Promise<unknown> {
    const response = await this.fetch(path, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }
}
