// SPDX-License-Identifier: Apache-2.0
/**
 * Says what a profile is once each row has its own strings, as tables have them.
 *
 * @module
 */

import type { Profile } from "./model.ts";
import { NO_FOREIGN } from "./no_rows.ts";

/** A row takes so many bytes, beside its strings. */
const ROW_BYTES = 64;
/** A frame in a stack takes so many bytes. */
const REFERENCE_BYTES = 8;

/**
 * Returns how large `profile` is when it is written out, in about bytes: a string counts as often as it is referred to,
 * a row of each table as 64 bytes. Encoded it may be a thousandth of that: one string of 16 KiB that 65,536 frames
 * refer to.
 */
export function expandedSize({ strings, ...tables }: Profile): number {
  const { frames, series, stacks, samples, locks, holds, syscalls, slowCalls, foreign = NO_FOREIGN } = tables;
  const { line: _line, address: _address, startLine: _startLine, inlined: _inlined, rank: _rank, ...names } =
    frames;
  const { pid: _pid, ...labels } = series;
  const { call, category } = syscalls;
  const columns = [
    ...Object.values(names),
    ...Object.values(labels),
    ...[locks.class, locks.type, locks.address, holds.class, call, category, foreign.type],
    ...[slowCalls.call, slowCalls.category, slowCalls.object],
  ] as readonly Uint32Array[];
  // A string is somewhere in memory, which takes longer to look at for each row than what is added.
  const lengths = Uint32Array.from(strings, ({ length }) => length);
  let size = 0;
  for (const column of columns) {
    for (let row = 0; row < column.length; row++) size += lengths[column[row]!]!;
  }
  const rows = frames.line.length + series.pid.length + stacks.offset.length + samples.kind.length +
    locks.outcome.length + holds.count.length + call.length + slowCalls.count.length + foreign.type.length;
  return size + rows * ROW_BYTES + stacks.frame.length * REFERENCE_BYTES;
}
