// SPDX-License-Identifier: Apache-2.0
/**
 * Tells whether something is to be shown anew: elements that are made again although they look the same cost a frame.
 *
 * @module
 */

/** Remembers what was shown last. */
export class Changes {
  #shown: readonly unknown[] | undefined;

  /** Returns whether one of `values`, each compared by identity, is another than the last time; and keeps them. */
  of(...values: readonly unknown[]): boolean {
    const before = this.#shown;
    this.#shown = values;
    return before?.length !== values.length || values.some((value, i) => !Object.is(value, before[i]));
  }
}
