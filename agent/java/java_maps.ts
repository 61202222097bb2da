// SPDX-License-Identifier: Apache-2.0
/**
 * Has JVMs write down what their compiled code is called, where samples are in code that has no name.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Process } from "../metadata/processes.ts";
import { jcmd } from "./attach.ts";

const logger = getLogger(["aperture", "java"]);

/**
 * A JVM compiles all the time, and most when it has just begun: it is not asked again before the first of these is over,
 * in ms, then after twice that, and so on up to the second; ever more seldom while it refuses.
 */
const FIRST_PAUSE_MS = 5000;
const PAUSE_MS = 60_000;
const MAX_PAUSE_MS = 3_600_000;
const MAX_PROCESSES = 1024;
const COMMAND = "Compiler.perfmap";

export interface JavaMapsOptions {
  /** @default {jcmd of attach.ts} */
  readonly ask?: (process: Process, command: string, signal: AbortSignal) => Promise<string>;
  /** Returns the time in ms. @default {performance.now} */
  readonly clock?: () => number;
}

export interface JavaMapsStats {
  /** Counts, since the start, maps that were written, and JVMs that refused or did not answer. */
  readonly written: number;
  readonly failed: number;
}

interface Asked {
  readonly startTime: number;
  notBefore: number;
  pauseMs: number;
}

/** Asks one JVM after the other. */
export class JavaMaps implements AsyncDisposable {
  readonly #ask: NonNullable<JavaMapsOptions["ask"]>;
  readonly #clock: () => number;
  readonly #asked = new Map<number, Asked>();
  readonly #stop = new AbortController();
  #queue: Promise<void> = Promise.resolve();
  #written = 0;
  #failed = 0;

  constructor({ ask = jcmd, clock = () => performance.now() }: JavaMapsOptions = {}) {
    this.#ask = ask;
    this.#clock = clock;
  }

  get stats(): JavaMapsStats {
    return { written: this.#written, failed: this.#failed };
  }

  /** Notes that the JVM `process` has compiled code without a name: its map is there in a later window. */
  want(process: Process): void {
    const { pid, startTime } = process;
    let asked = this.#asked.get(pid);
    if (asked?.startTime !== startTime) asked = undefined;
    if (asked && this.#clock() < asked.notBefore) return;
    asked ??= { startTime, notBefore: 0, pauseMs: FIRST_PAUSE_MS };
    asked.notBefore = this.#clock() + asked.pauseMs;
    this.#asked.delete(pid);
    this.#asked.set(pid, asked);
    const [oldest] = this.#asked.keys();
    if (this.#asked.size > MAX_PROCESSES) this.#asked.delete(oldest!);
    const entry = asked;
    this.#queue = this.#queue.then(() => this.#write(process, entry));
  }

  /** Resolves when all that were wanted so far were asked. */
  async settle(): Promise<void> {
    await this.#queue;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#queue;
  }

  async #write(process: Process, asked: Asked): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    try {
      await this.#ask(process, COMMAND, signal);
      this.#written++;
      asked.pauseMs = Math.min(PAUSE_MS, asked.pauseMs * 2);
    } catch (error) {
      if (signal.aborted) return;
      this.#failed++;
      asked.pauseMs = Math.min(MAX_PAUSE_MS, Math.max(PAUSE_MS, asked.pauseMs) * 4);
      asked.notBefore = this.#clock() + asked.pauseMs;
      logger.info("Cannot name what the JVM {pid} compiled: {error}", {
        pid: process.pid,
        error: (error as Error).message,
      });
    }
  }
}
