// SPDX-License-Identifier: Apache-2.0
/**
 * Takes stacks apart for compilers: which lines of which functions were on a CPU, and which calls led there.
 *
 * @module
 */

import type { Frame } from "../model.ts";

/** Is a stack, leaf first, and how many samples have it. */
export interface CountedStack {
  readonly frames: readonly Frame[];
  readonly count: number;
}

/** Holds the functions of one address, the innermost inlined one first; the last has the code. */
export type Chain = readonly [Frame, ...Frame[]];

/** Returns the places of a stack, leaf first, without those of kernels and of code that no compiler made. */
export function chainsOf(frames: readonly Frame[]): Chain[] {
  const chains: Chain[] = [];
  let chain: Frame[] = [];
  for (const frame of frames) {
    chain.push(frame);
    if (frame.inlined) continue;
    if (!frame.module.startsWith("[")) chains.push(chain as unknown as Chain);
    chain = [];
  }
  return chains;
}

/** Tells whether a compiler can find the line again in its function, however far the function has moved. */
export function hasPlace({ line, startLine = 0, function: name }: Frame): boolean {
  return name !== "" && startLine > 0 && line >= startLine;
}
