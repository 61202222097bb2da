// SPDX-License-Identifier: Apache-2.0
/**
 * Lists what an agent could not count, and what it counted without the whole of its stack.
 *
 * @module
 */

/** Holds losses by reason, told apart. */
export interface SplitLosses {
  /** These are in no count. */
  readonly lost: ReadonlyMap<string, number>;
  /**
   * These are counted, but not with all that belongs to it: a stack, a part of one, the errno of a call, what a slow one was made on, who held a
   * lock.
   */
  readonly incomplete: ReadonlyMap<string, number>;
}

/** Matches the reasons of losses that cost no more than a detail, which they have in the name; RE2 reads it, too. */
export const INCOMPLETE = /stack|errors|place|holder|slow|objects/;

/** Tells losses apart by their reasons. */
export function splitLosses(losses: ReadonlyMap<string, number>): SplitLosses {
  const some = [...losses].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
  const isDetail = ([reason]: readonly [string, number]) => INCOMPLETE.test(reason);
  return {
    lost: new Map(some.filter((loss) => !isDetail(loss))),
    incomplete: new Map(some.filter(isDetail)),
  };
}

/** Returns `nothing lost`, `3 lost (push_dropped 3)`, `nothing lost, 2 incomplete (user_stack_truncated 2)` */
export function lossesText(losses: ReadonlyMap<string, number>): string {
  const { lost, incomplete } = splitLosses(losses);
  const cut = incomplete.size === 0 ? "" : `, ${reasons(incomplete, (n) => `${n} incomplete`)}`;
  return (lost.size === 0 ? "nothing lost" : reasons(lost, (n) => `${n} lost`)) + cut;
}

function reasons(losses: ReadonlyMap<string, number>, head: (sum: string) => string): string {
  const number = (n: number) => n.toLocaleString("en-US");
  const sum = losses.values().reduce((a, b) => a + b, 0);
  return `${head(number(sum))} (${
    [...losses].map(([reason, count]) => `${reason} ${number(count)}`).join(", ")
  })`;
}
