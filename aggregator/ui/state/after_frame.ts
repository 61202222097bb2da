// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Puts off what may come one frame later than what was asked for.
 *
 * @module
 */

/** Runs the last of what it was given, once the next frame has been drawn. */
export class AfterFrame {
  #work: (() => void) | undefined;

  /** Takes what is to be done instead of what waits. */
  run(work: () => void): void {
    const isWaiting = this.#work !== undefined;
    this.#work = work;
    if (isWaiting) return;
    // A frame is drawn when its callbacks have ended.
    requestAnimationFrame(() =>
      setTimeout(() => {
        const last = this.#work;
        this.#work = undefined;
        last?.();
      })
    );
  }
}
