// SPDX-License-Identifier: Apache-2.0
/**
 * One process that reads debug information, from its start to its end.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { kill, lowerPriority } from "../../../../common/child.ts";
import { settledWithin } from "../../../../common/timeout.ts";
import { lines } from "./lines.ts";
import type { Answer, Request } from "./protocol.ts";

const logger = getLogger(["aperture", "symbols"]);

/** Is beside this file, or beside the bundle that this is in. */
const READER =
  new URL(import.meta.url.endsWith(".ts") ? "./reader.ts" : "./reader.js", import.meta.url).pathname;

/** libdw's memory is not V8's. */
const HEAP_FLAGS =
  "--max-old-space-size=64,--max-semi-space-size=1,--single-threaded-gc,--optimize-for-size,--no-memory-pool,--expose-gc";
/** A process whose input has ended may take so long to end. */
const END_MS = 1000;

export interface ReaderOptions {
  /** All debug information that is open may take so many bytes. */
  readonly bytes: number;
  readonly onAnswer: (answer: Answer) => void;
  /** It is called once, when it ended by itself; `ready` says whether it had begun to read. */
  readonly onDeath: (ready: boolean) => void;
}

/** Is told what to read until it is closed, or dies. */
export class ReaderProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #ended: Promise<void>;
  #closed = false;
  #ready = false;

  /** @throws {Error} when the system starts no process */
  constructor(options: ReaderOptions) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...[
          "run",
          "--quiet",
          "--no-prompt",
          "--frozen",
          "--cached-only",
          `--v8-flags=${HEAP_FLAGS}`,
          "--allow-all",
        ],
        ...[READER, String(options.bytes)],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    // It runs beside all other work: what it knows is wanted soon, not now.
    lowerPriority(this.#child);
    this.#writer = this.#child.stdin.getWriter();
    this.#ended = this.#follow(options);
  }

  get pid(): number {
    return this.#child.pid;
  }

  post(request: Request): void {
    const line = new TextEncoder().encode(`${JSON.stringify(request)}\n`);
    // Where it has died, that is told by its end.
    this.#writer.write(line).catch(() => {});
  }

  /** Ends it; resolves when it is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#writer.close().catch(() => {});
    await settledWithin(END_MS, this.#ended);
    kill(this.#child);
    await this.#ended;
  }

  async #follow({ onAnswer, onDeath }: ReaderOptions): Promise<void> {
    try {
      for await (const line of lines(this.#child.stdout)) {
        if (this.#ready) onAnswer(JSON.parse(line));
        else this.#ready = line === "ready";
      }
    } catch (error) {
      logger.warn("Cannot understand what reads debug information: {error}", { error });
      kill(this.#child);
    }
    await this.#child.status;
    await this.#writer.abort().catch(() => {});
    if (!this.#closed) onDeath(this.#ready);
  }
}
