// SPDX-License-Identifier: Apache-2.0
/**
 * Remembers which sequences of one run of an agent were acknowledged, exactly: in any order, with any gaps.
 *
 * A run's sequences are cut into blocks of 4,096, each a bitmap of 512 bytes that lives on its own and is forgotten
 * some time after its last change. So what is remembered is bounded by time and by how much was pushed, not by the
 * number of gaps.
 *
 * @module
 */

/** A block has so many sequences. */
export const BLOCK_SEQUENCES = 4096;

/** Is a block's bitmap; `undefined` where none of it was seen. */
export type SequenceBlock = Uint8Array | undefined;

/** Returns the number of the block that `sequence` is in. */
export function blockOf(sequence: number): number {
  return Math.floor(sequence / BLOCK_SEQUENCES);
}

/** Returns whether `sequence`, which is of this block, is in it. */
export function hasSequence(block: SequenceBlock, sequence: number): boolean {
  const bit = sequence % BLOCK_SEQUENCES;
  return block !== undefined && (block[bit >> 3]! & 1 << (bit & 7)) !== 0;
}

/** Returns the block with `sequence`, which is of it; the one that is given stays as it is. */
export function addSequence(block: SequenceBlock, sequence: number): Uint8Array {
  const bit = sequence % BLOCK_SEQUENCES;
  const added = block?.slice() ?? new Uint8Array(BLOCK_SEQUENCES / 8);
  added[bit >> 3]! |= 1 << (bit & 7);
  return added;
}
