// SPDX-License-Identifier: Apache-2.0
/**
 * Work in pieces of less than a millisecond or so each: who does it may let others go first between two of them.
 *
 * @module
 */

export type Pieces<Result> = Generator<void, Result, void>;

/** Does all of `work` without a pause. */
export function atOnce<Result>(work: Pieces<Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
