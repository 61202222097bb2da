// SPDX-License-Identifier: Apache-2.0
/**
 * Shows how far a run is, on one line of standard error, where someone looks at it.
 *
 * @module
 */

import { print } from "../../common/main.ts";
import { counted, lasting } from "../../common/words.ts";

export interface ProgressOptions {
  /** Nothing is shown otherwise, nor where standard error is no terminal. */
  readonly shown: boolean;
  /** The run will be this long; without it, it goes on until it is stopped. */
  readonly durationMs?: number | undefined;
}

/** Returns the text of the line. */
export function progressText(elapsedMs: number, samples: number, durationMs?: number): string {
  const seconds = Math.floor(elapsedMs / 1000);
  const of = durationMs === undefined ? "" : ` of ${Math.ceil(durationMs / 1000)}`;
  const hint = durationMs === undefined ? "; Ctrl-C stops and writes" : "";
  return `profiling: ${seconds}${of} s, ${counted(samples, "sample", "samples")}${hint}`;
}

/** Says, before the clock starts, what is read so that stacks are whole. */
export function readingText(elapsedMs: number, files: number): string {
  return `reading ${counted(files, "file", "files")}… ${lasting(elapsedMs)}`;
}

/** Shows the line until it is disposed of. */
export class Progress implements Disposable {
  readonly #durationMs: number | undefined;
  #start = performance.now();
  #timer: ReturnType<typeof setInterval> | undefined;
  #samples = 0;
  #files: (() => number) | undefined;

  constructor({ shown, durationMs }: ProgressOptions) {
    this.#durationMs = durationMs;
    if (shown && Deno.stderr.isTerminal()) this.#timer = setInterval(() => this.#draw(), 250);
  }

  /** Files are read until `begin`; `files` returns how many there are by now. */
  reading(files: () => number): void {
    this.#files = files;
    this.#start = performance.now();
  }

  /** The clock starts now. */
  begin(): void {
    this.#files = undefined;
    this.#start = performance.now();
  }

  /** Shows how many samples there are by now. */
  count(samples: number): void {
    this.#samples = samples;
  }

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    void print(Deno.stderr, "\r\x1b[K");
  }

  #draw(): void {
    const elapsedMs = performance.now() - this.#start;
    const over = this.#durationMs !== undefined && elapsedMs > this.#durationMs;
    const text = this.#files
      ? readingText(elapsedMs, this.#files())
      : over
      ? "naming what was counted…"
      : progressText(elapsedMs, this.#samples, this.#durationMs);
    void print(Deno.stderr, `\r${text}\x1b[K`);
  }
}
