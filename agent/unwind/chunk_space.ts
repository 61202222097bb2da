// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps which rows of which chunk are free.
 *
 * @module
 */

/** A run of rows within one chunk. */
export interface Extent {
  readonly chunk: number;
  /** Its first row. */
  readonly first: number;
  /** The number of rows. */
  readonly count: number;
}

interface Hole {
  first: number;
  count: number;
}

/**
 * Gives out runs of rows of chunks that are all of one size: the first hole that is large enough. There is a chunk when it
 * is {@linkcode ChunkSpace.grow | added}.
 */
export class ChunkSpace {
  readonly #chunkRows: number;
  readonly #maxChunks: number;
  /** Each chunk has its holes here, ascending, no two adjacent. */
  readonly #holes: Hole[][] = [];
  #free = 0;

  constructor({ chunkRows, maxChunks }: { chunkRows: number; maxChunks: number }) {
    this.#chunkRows = chunkRows;
    this.#maxChunks = maxChunks;
  }

  /** Returns the number of chunks that there are by now. */
  get chunks(): number {
    return this.#holes.length;
  }

  /** Rows that are free, those of chunks to come included; there may be no hole of that size. */
  get freeRows(): number {
    return this.#free + (this.#maxChunks - this.#holes.length) * this.#chunkRows;
  }

  /** Takes `count` rows, from 1 to a chunk's; `undefined` when no hole is as large. */
  take(count: number): Extent | undefined {
    for (const [chunk, holes] of this.#holes.entries()) {
      const at = holes.findIndex((hole) => hole.count >= count);
      const hole = holes[at];
      if (!hole) continue;
      const first = hole.first;
      hole.first += count;
      hole.count -= count;
      if (hole.count === 0) holes.splice(at, 1);
      this.#free -= count;
      return { chunk, first, count };
    }
    return undefined;
  }

  /** Adds a chunk, and says whether there may be one more. */
  grow(): boolean {
    if (this.#holes.length === this.#maxChunks) return false;
    this.#holes.push([{ first: 0, count: this.#chunkRows }]);
    this.#free += this.#chunkRows;
    return true;
  }

  /** Takes off the last chunks, of which nothing is used, but for the first, and returns how many there are left. */
  shrink(): number {
    while (this.#holes.length > 1 && this.#holes.at(-1)![0]?.count === this.#chunkRows) {
      this.#holes.pop();
      this.#free -= this.#chunkRows;
    }
    return this.#holes.length;
  }

  /** Gives back what `take` gave. */
  giveBack({ chunk, first, count }: Extent): void {
    const holes = this.#holes[chunk]!;
    const next = holes.findIndex((hole) => hole.first > first);
    const at = next < 0 ? holes.length : next;
    const before = holes[at - 1];
    const after = holes[at];
    this.#free += count;
    const joinsBefore = before !== undefined && before.first + before.count === first;
    const joinsAfter = after !== undefined && first + count === after.first;
    if (joinsBefore) {
      before.count += count;
      if (joinsAfter) {
        before.count += after.count;
        holes.splice(at, 1);
      }
    } else if (joinsAfter) {
      after.first = first;
      after.count += count;
    } else {
      holes.splice(at, 0, { first, count });
    }
  }
}
