// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Puts off what may come one frame later than what was asked for.
 *
 * @module
 */

/** Settles when the next frame has been drawn: its callbacks have ended then, and what is small is on the screen. */
export function frameDrawn(): Promise<void> {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

/** Is when all that was put off has its frame: what is done in one would have the next begin late, were it all at once. */
let turn = Promise.resolve();

/** Runs the last of what it was given, once the next frame has been drawn in which nothing else that was put off is done. */
export class AfterFrame {
  #work: (() => void) | undefined;

  /** Takes what is to be done instead of what waits. */
  run(work: () => void): void {
    const isWaiting = this.#work !== undefined;
    this.#work = work;
    if (isWaiting) return;
    turn = turn.then(frameDrawn);
    void turn.then(() => {
      const last = this.#work;
      this.#work = undefined;
      last?.();
    });
  }
}
