// SPDX-License-Identifier: Apache-2.0
/**
 * Writes how often each address of one file was on a CPU, as `create_llvm_prof --profiler=text` reads it: a number of
 * ranges, addresses and branches each, and these. Without the processor's record of branches there are addresses alone.
 *
 * @module
 */

import type { CountedStack } from "./call_sites.ts";
import type { CompilerProfile } from "./llvm_profile.ts";

/** Returns the histogram of the file of `buildId`. Of `total`, the samples of the file, those of its code are used. */
export function addressHistogram(stacks: Iterable<CountedStack>, buildId: string): CompilerProfile {
  const counts = new Map<number, number>();
  let [used, total] = [0, 0];
  for (const { frames, count } of stacks) {
    if (!frames.some((frame) => frame.buildId === buildId)) continue;
    total += count;
    const [leaf] = frames;
    if (leaf?.buildId !== buildId) continue;
    used += count;
    counts.set(leaf.address, (counts.get(leaf.address) ?? 0) + count);
  }
  const lines = [...counts].sort(([a], [b]) => a - b).map(([address, count]) =>
    `${address.toString(16)}:${count}\n`
  );
  return { text: `0\n${lines.length}\n${lines.join("")}0\n`, used, total };
}
