/**
 * Which sequences of one run of an agent were acknowledged, as ranges.
 *
 * An agent sends its batches in order, so this is one range; it is more where some were dropped, went to
 * another aggregator, or come late from a spool.
 *
 * @module
 */

/** Ascending: the first and the last of each range, in turn; ranges neither touch nor overlap. */
export type Sequences = readonly number[];

/** When there are more, the gap between the oldest two is taken as seen. */
export const MAX_RANGES = 64;

/** Whether `sequence` is in `ranges`. */
export function hasSequence(ranges: Sequences, sequence: number): boolean {
  for (let i = 0; i < ranges.length; i += 2) {
    if (sequence >= ranges[i]! && sequence <= ranges[i + 1]!) return true;
  }
  return false;
}

/** `ranges` and `sequence`, which is not in them. */
export function addSequence(ranges: Sequences, sequence: number): Sequences {
  let at = 0;
  while (at < ranges.length && ranges[at]! < sequence) at += 2;
  const joinsBefore = at > 0 && ranges[at - 1] === sequence - 1;
  const joinsAfter = ranges[at] === sequence + 1;
  const added = ranges.toSpliced(
    at - (joinsBefore ? 1 : 0),
    (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0),
    ...(joinsBefore ? [] : [sequence]),
    ...(joinsAfter ? [] : [sequence]),
  );
  return added.length > 2 * MAX_RANGES ? added.toSpliced(1, 2) : added;
}
