// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the embedded engine in a child process: a crash or an exhausted memory of the engine must not take the
 * aggregator with it.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { getLogger } from "@logtape/logtape";
import { TextLineStream } from "@std/streams/text-line-stream";
import { backoffMs } from "../../common/backoff.ts";
import { lowerPriority } from "../../common/child.ts";
import { Burst } from "../../common/log.ts";
import { libraryPath } from "./connection.ts";

const logger = getLogger(["aperture", "engine"]);

const MAIN = import.meta.resolve("./main.ts");
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/**
 * The engine has as many threads as there are processors, and merges parts whenever it has time: who takes batches goes
 * first, and needs little.
 */
const ENGINE_NICE = 5;

export interface EmbeddedOptions {
  /** The directory is created where it is missing. */
  dataDir: string;
  /** The engine may allocate so much in all, in bytes. @default {1 GiB} */
  memoryBytes?: number;
  /** Waits so long before the first restart, in ms; it doubles up to 10 s. @default {250} */
  backoffMs?: number;
  /** Two restarts that are asked for are at least so long apart, in ms. @default {300000} */
  restartPauseMs?: number;
}

/** Starts the engine's child process, and watches it. */
export class EmbeddedClickHouse implements AsyncDisposable {
  readonly username = "default";
  readonly password: string;
  readonly #options: Required<EmbeddedOptions>;
  readonly #burst = new Burst(logger);
  readonly #closing = new AbortController();
  #child: Child;
  #watch: Promise<void> = Promise.resolve();
  #restarts = 0;
  #restarted = -Infinity;

  private constructor(options: Required<EmbeddedOptions>, password: string, child: Child) {
    this.#options = options;
    this.password = password;
    this.#child = child;
  }

  /**
   * Starts the engine on `dataDir`, on a free port of the loopback address, with a random password.
   *
   * @throws {Error} with the child's words: the directory cannot be written or is in use, no build of the engine
   */
  static async start(options: EmbeddedOptions): Promise<EmbeddedClickHouse> {
    const all = { memoryBytes: 2 ** 30, backoffMs: 250, restartPauseMs: 300_000, ...options };
    const password = randomPassword();
    const burst = new Burst(logger);
    const child = await Child.start({ ...all, password, port: 0 }, (line) => burst.warn(keyOf(line), line));
    const engine = new EmbeddedClickHouse(all, password, child);
    engine.#watch = engine.#keepAlive();
    return engine;
  }

  /** Is the address for @clickhouse/client; it stays the same over restarts. */
  get url(): string {
    return `http://127.0.0.1:${this.#child.port}`;
  }

  /** Returns the child's process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Counts how often the child was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Ends the child, which finishes its queries first, and starts it again; for failures that this cures. Not more
   * often than every `restartPauseMs`.
   *
   * @returns whether it does
   */
  restart(why: string): boolean {
    const now = performance.now();
    if (this.#closing.signal.aborted || now - this.#restarted < this.#options.restartPauseMs) return false;
    this.#restarted = now;
    logger.warn("Starting the engine again: {why}", { why });
    void this.#child.stop();
    return true;
  }

  async #keepAlive(): Promise<void> {
    const { signal } = this.#closing;
    const { backoffMs: firstMs } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const started = performance.now();
      const status = await this.#child.ended;
      if (signal.aborted) return;
      if (performance.now() - started > 60_000) failures = 0;
      logger.error("The engine ended, and is started again: {how}", { how: describe(status) });
      while (!signal.aborted) {
        const wait = backoffMs(++failures, { firstMs, maxMs: 10_000 });
        await delay(wait, { signal }).catch(() => {});
        if (signal.aborted) return;
        if (await this.#restart()) break;
      }
    }
  }

  async #restart(): Promise<boolean> {
    const { port } = this.#child;
    try {
      this.#child = await Child.start(
        { ...this.#options, password: this.password, port },
        (line) => this.#burst.warn(keyOf(line), line),
      );
      this.#restarts++;
      logger.info("The engine is up again");
      return true;
    } catch (error) {
      this.#burst.warn(
        "restart",
        `Cannot start the engine again, and will try on: ${(error as Error).message}`,
      );
      return false;
    }
  }

  /** Ends the child, which finishes its queries and writes its data first. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#child.stop();
    await this.#watch;
    // A restart that was under way when closing began.
    await this.#child.stop();
  }
}

interface ChildOptions {
  readonly dataDir: string;
  readonly memoryBytes: number;
  readonly password: string;
  /** The port is 0 for a free one. */
  readonly port: number;
}

/** Is one run of the child. */
class Child {
  readonly pid: number;
  readonly port: number;
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  private constructor(parts: {
    pid: number;
    port: number;
    ended: Promise<Deno.CommandStatus>;
    stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  }) {
    this.pid = parts.pid;
    this.port = parts.port;
    this.ended = parts.ended;
    this.#stdin = parts.stdin;
  }

  /** Resolves once the child answers. */
  static async start(options: ChildOptions, onLine: (line: string) => void): Promise<Child> {
    const process = new Deno.Command(Deno.execPath(), {
      args: [...permissions(options.dataDir), MAIN, ...flags(options)],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    lowerPriority(process, ENGINE_NICE);
    const stdin = process.stdin.getWriter();
    // Until it has started, the last line is held back: it is the error if the child ends.
    let started = false;
    let last = "";
    const errors = forEachLine(process.stderr, (line) => {
      if (started || last) onLine(started ? line : last);
      last = line;
    });
    const { promise: ready, resolve } = Promise.withResolvers<number>();
    const output = forEachLine(
      process.stdout,
      (line) => resolve((JSON.parse(line) as { port: number }).port),
    );
    const ended = (async () => {
      const [status] = await Promise.all([process.status, errors, output]);
      await stdin.close().catch(() => {});
      return status;
    })();
    // The password goes this way, for `ps` shows arguments; the open pipe tells the child that its parent lives.
    await stdin.write(new TextEncoder().encode(JSON.stringify({ password: options.password }) + "\n"))
      .catch(() => {});
    const first = await Promise.race([ready, ended]);
    if (typeof first !== "number") throw new Error(last || `Cannot start the engine: ${describe(first)}`);
    started = true;
    if (last) onLine(last);
    await (await fetch(`http://127.0.0.1:${first}/ping`)).body?.cancel();
    return new Child({ pid: process.pid, port: first, ended, stdin });
  }

  /** Ends the child by the end of its input. */
  async stop(): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.ended;
  }
}

/** Holds the front; the engine itself, being native code, is held only by its configuration. */
function permissions(dataDir: string): string[] {
  const [data, library] = [dataDir, libraryPath()].map((path) => path.replaceAll(",", ",,"));
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--frozen",
    // A request's signal then means that its client has gone, and not that it was answered.
    "--unstable-no-legacy-abort",
    `--config=${CONFIG}`,
    // A list would take libc's name for a path below the working directory.
    "--allow-ffi",
    `--allow-read=${data},${library}`,
    `--allow-write=${data}`,
    "--allow-env=APERTURE_*,INIT_CWD,TZ",
    "--ignore-env",
    "--allow-net=127.0.0.1",
    "--deny-import",
  ];
}

function flags({ dataDir, memoryBytes, port }: ChildOptions): string[] {
  return [
    "--supervised",
    `--listen=127.0.0.1:${port}`,
    `--data-dir=${dataDir}`,
    `--memory=${memoryBytes}`,
    "--log-level=warning",
  ];
}

async function forEachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  for await (const line of stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
    if (line !== "") take(line);
  }
}

/** Returns the key of a line: lines that differ only in numbers are one event. */
function keyOf(line: string): string {
  return line.replaceAll(/\d+/g, "#").slice(0, 120);
}

function describe({ code, signal }: Deno.CommandStatus): string {
  return signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`;
}

function randomPassword(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(24)), (b) => b.toString(16).padStart(2, "0")).join(
    "",
  );
}
