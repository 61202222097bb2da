/**
 * How large the maps are made.
 *
 * @module
 */

/** What the kernel adds to each entry of a preallocated hash map: its header and the bucket. */
const ENTRY_OVERHEAD = 64;
const COUNT_BYTES = ENTRY_OVERHEAD + 40 + 8;
const STACK_BYTES = ENTRY_OVERHEAD + 8 + 1024;
const SETS = 2;

/** Room for a drain that comes late. */
const MARGIN = 1.25;

const MIN_ENTRIES = 256;

export interface MapSizeOptions {
  readonly cpus: number;
  /** Samples a second and CPU. */
  readonly freq: number;
  readonly windowMs: number;
  /** What all maps together may use. */
  readonly memoryBytes: number;
}

export interface MapSize {
  /** Entries of each map of counts. */
  readonly counts: number;
  /** Entries of each map of stacks. */
  readonly stacks: number;
}

/** What maps of that size use, about, in bytes. */
export function mapBytes({ counts, stacks }: MapSize): number {
  return SETS * (counts * COUNT_BYTES + stacks * STACK_BYTES);
}

/**
 * The size at which nothing is lost, as there are no more keys than samples in a window and no more than two stacks
 * a sample; where that is more than `memoryBytes`, less: most samples have a stack that was seen before, so maps of
 * a tenth of it are rarely full. First the stacks become fewer, as a sample without them is still counted.
 *
 * @throws {RangeError} when `memoryBytes` is too little for any profile
 */
export function mapSize({ cpus, freq, windowMs, memoryBytes }: MapSizeOptions): MapSize {
  const samples = Math.max(cpus * freq * windowMs / 1000 * MARGIN, MIN_ENTRIES);
  let counts = powerOfTwo(samples);
  let stacks = powerOfTwo(samples * 2);
  while (mapBytes({ counts, stacks }) > memoryBytes) {
    if (stacks > MIN_ENTRIES && stacks * 8 > counts) stacks /= 2;
    else if (counts > MIN_ENTRIES) counts /= 2;
    else {
      throw new RangeError(
        `Cannot make BPF maps of ${memoryBytes} bytes: the smallest need ${mapBytes({ counts, stacks })}`,
      );
    }
  }
  return { counts, stacks };
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}
