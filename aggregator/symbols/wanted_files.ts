// SPDX-License-Identifier: Apache-2.0
/**
 * Asks debuginfod servers for the debug files of what is stored, as nodes often may not reach out themselves.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { getLogger } from "@logtape/logtape";
import { LRUCache } from "lru-cache";
import { Burst } from "../../common/log.ts";
import type { Debuginfod } from "../../symbols/debuginfod/debuginfod.ts";
import type { DebugTables } from "../storage/debug_tables.ts";
import type { DebugFiles } from "./debug_files.ts";
import { DebugFileError } from "./read_debug_file.ts";

const logger = getLogger(["aperture", "symbols"]);

/** So many files are asked for at once: those that would name most. */
const MAX_WANTED = 64;
const MAX_USELESS = 4096;

export interface WantedFilesOptions {
  readonly tables: Pick<DebugTables, "wanted">;
  readonly debugFiles: Pick<DebugFiles, "take">;
  /** It bounds files and downloads, and leaves alone for long what no server has. */
  readonly debuginfod: Pick<Debuginfod, "want" | "takeFound" | "pathOf">;
  /** What is wanted is looked up so often, in ms. @default {60000} */
  readonly everyMs?: number;
  /** What has come is looked for so often, in ms. @default {1000} */
  readonly lookMs?: number;
}

/** Asks, and takes what comes, until it is disposed of. */
export class WantedFiles implements AsyncDisposable {
  readonly #options: Required<WantedFilesOptions>;
  readonly #closing = new AbortController();
  readonly #burst = new Burst(logger);
  /** Files of which nothing can be had. */
  readonly #useless = new LRUCache<string, true>({ max: MAX_USELESS });
  readonly #done: Promise<void>;

  constructor(options: WantedFilesOptions) {
    this.#options = { everyMs: 60_000, lookMs: 1000, ...options };
    this.#done = this.#askOnAndOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#done;
  }

  async #askOnAndOn(): Promise<void> {
    const { signal } = this.#closing;
    const { everyMs, lookMs } = this.#options;
    let nextAsk = 0;
    while (!signal.aborted) {
      try {
        if (performance.now() >= nextAsk) {
          nextAsk = performance.now() + everyMs;
          await this.#ask();
        }
        for (const buildId of this.#options.debuginfod.takeFound()) await this.#take(buildId);
      } catch (error) {
        if (!signal.aborted) this.#burst.warn("wanted", (error as Error).message);
      }
      await delay(lookMs, { signal }).catch(() => {});
    }
  }

  async #ask(): Promise<void> {
    const { tables, debuginfod } = this.#options;
    const wanted = await tables.wanted(MAX_WANTED + this.#useless.size, this.#closing.signal);
    for (const buildId of wanted) if (!this.#useless.has(buildId)) debuginfod.want(buildId);
  }

  async #take(buildId: string): Promise<void> {
    const { debugFiles, debuginfod } = this.#options;
    const path = debuginfod.pathOf(buildId)!;
    using file = await Deno.open(path);
    try {
      await debugFiles.take(file.readable, { source: "debuginfod", signal: this.#closing.signal });
    } catch (error) {
      // Storage that is away takes it when its client tells of it again.
      if (!(error instanceof DebugFileError)) throw error;
      this.#useless.set(buildId, true);
      logger.warn("Cannot use the debug file of {buildId} that debuginfod gave: {why}", {
        buildId,
        why: error.message,
      });
    }
  }
}
