// SPDX-License-Identifier: Apache-2.0
/**
 * Files that are read again when they change: tokens, certificates.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { delay } from "@std/async/delay";
import { Burst } from "./log.ts";

/** A file is taken for whole when it was the same so long, in ms: an editor may be writing it. */
const SETTLED_MS = 50;

export interface WatchOptions {
  /** So long lies between two looks, in ms. @default {2000} */
  readonly intervalMs?: number;
}

/**
 * Reads `paths` now and then, and calls `changed` with their texts when one of them is another. A file that cannot be
 * read, or whose text `changed` throws for, is said in the log, and what was is kept.
 *
 * Files are looked at rather than watched: Kubernetes replaces a link above them, which tells no watcher of a file.
 */
export class WatchedFiles implements Disposable {
  readonly #paths: readonly string[];
  readonly #changed: (texts: string[]) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #logger = getLogger(["aperture", "files"]);
  readonly #burst = new Burst(this.#logger);
  readonly #disposed = new AbortController();
  #texts: readonly string[];
  /** What was read last could not be taken over. */
  #refused = false;
  #looking: Promise<void> | undefined;

  /** @param texts what was read of the paths at the start */
  constructor(
    paths: readonly string[],
    texts: readonly string[],
    changed: (texts: string[]) => void,
    { intervalMs = 2000 }: WatchOptions = {},
  ) {
    this.#paths = paths;
    this.#texts = texts;
    this.#changed = changed;
    this.#timer = setInterval(() => void this.look(), intervalMs);
    Deno.unrefTimer(this.#timer);
  }

  /** Looks now. */
  look(): Promise<void> {
    return this.#looking ??= this.#look().finally(() => this.#looking = undefined);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#disposed.abort();
  }

  async #look(): Promise<void> {
    try {
      const texts = await this.#read();
      if (!this.#refused && isSame(texts, this.#texts)) return;
      await delay(SETTLED_MS, { signal: this.#disposed.signal });
      // What is still being written is for the next look.
      if (!isSame(texts, await this.#read())) return;
      // Who puts back what was there before ends the error, and is told so.
      this.#refused = true;
      this.#changed(texts);
      this.#refused = false;
      this.#texts = texts;
      this.#logger.info("Took over what changed in {paths}", { paths: this.#paths.join(", ") });
    } catch (error) {
      if (this.#disposed.signal.aborted) return;
      const why = error instanceof Error ? error.message : String(error);
      this.#burst.warn("changed", `Cannot take over a changed file, and keep what was: ${why}`);
    }
  }

  async #read(): Promise<string[]> {
    const { signal } = this.#disposed;
    return await Promise.all(this.#paths.map((path) => Deno.readTextFile(path, { signal })));
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.every((text, i) => text === b[i]);
}
