// SPDX-License-Identifier: Apache-2.0
/**
 * Makes one stack of native frames and of Python's.
 *
 * The interpreter runs Python functions in a loop, `_PyEval_EvalFrameDefault`. A Python function that is called by
 * another stays in the loop that runs; one that is called from C enters a new one. So each native frame of the loop
 * stands for a run of Python frames, from the leaf up to the one that it was entered with.
 *
 * @module
 */

import type { Frame } from "../../profile/model.ts";
import { isCut } from "../symbols/frame_cache.ts";
import { isTrampoline } from "../symbols/names/python_names.ts";

/** Frames that one loop runs, leaf first; none when it was entered and has no frame yet. */
export type Run = readonly Frame[];

export interface PythonStack {
  /** They are leaf first. */
  readonly runs: readonly Run[];
  /** Is true where the last run ends at the entry of its loop, and that is the outermost one. */
  readonly whole: boolean;
}

export interface Merged {
  readonly frames: Frame[];
  /** Each loop of the native stack has its run, and each run its loop. */
  readonly matched: boolean;
}

/** Parts that the compiler split off have the name with a suffix: `.cold`, `.lto_priv.0`. */
const LOOP = /^_PyEval_EvalFrameDefault(\.|$)/;
/** Is an instruction that is a function of its own, which the loop calls (clang, since 3.14): it is the same run's. */
const INSTRUCTION = /^_TAIL_CALL_\w+(\.|$)/;

/**
 * Puts the runs in place of the loops.
 *
 * A native stack that was cut lacks loops at its outer end: the runs that are left then follow it, before the frame that
 * says so. A loop may lack its
 * run at the leaf, as the frame is linked in after the loop was entered: then the runs are counted from the outer end.
 * Trampolines of `-X perf` are left out, for each stands for the one function of the loop that it calls; so are the
 * loop's instructions.
 *
 * @param native user frames, leaf first
 */
export function mergeStacks(native: readonly Frame[], { runs, whole }: PythonStack): Merged {
  const cut = native.length > 0 && isCut(native.at(-1)!) ? native.at(-1) : undefined;
  if (runs.length > 0) {
    native = native.filter((frame) => !isTrampoline(frame) && !INSTRUCTION.test(frame.function));
  }
  const loops = native.reduce((count, frame) => count + (LOOP.test(frame.function) ? 1 : 0), 0);
  let skip = whole ? Math.max(0, loops - runs.length) : 0;
  let next = 0;
  const frames: Frame[] = [];
  for (const frame of native) {
    if (frame === cut) continue;
    if (!LOOP.test(frame.function) || skip-- > 0 || next >= runs.length) {
      frames.push(frame);
      continue;
    }
    const run = runs[next++]!;
    if (run.length === 0) frames.push(frame);
    else frames.push(...run);
  }
  for (; next < runs.length; next++) frames.push(...runs[next]!);
  if (cut) frames.push(cut);
  return { frames, matched: loops === runs.length };
}
