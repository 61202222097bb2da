// SPDX-License-Identifier: Apache-2.0
/**
 * Finds which of many address ranges holds an address: flat arrays and a binary search.
 *
 * @module
 */

/** Ranges before they are made disjoint; the arrays are of equal length. Range `i` is [start[i], end[i]). */
export interface RawRanges {
  readonly start: ArrayLike<number>;
  readonly end: ArrayLike<number>;
  /** The range of the highest rank has an address where several overlap; of equal ranks, the later one. */
  readonly rank: ArrayLike<number>;
}

/** Disjoint ranges in ascending order, each with the index of the raw range that it came from. */
export interface DisjointRanges {
  readonly start: Float64Array<ArrayBuffer>;
  readonly end: Float64Array<ArrayBuffer>;
  readonly item: Uint32Array<ArrayBuffer>;
}

/**
 * Makes ranges disjoint in O(n log n), with no object per range. Ranges with `end <= start` are left out.
 *
 * @param order of the ranges by their start, where that is known
 */
export function disjoint(raw: RawRanges, order: Uint32Array = ascending(raw.start)): DisjointRanges {
  const out = new Disjoint(raw.start.length);
  const active = new Active(raw.rank, raw.end);
  for (const item of order) {
    const start = raw.start[item]!;
    if (!(raw.end[item]! > start)) continue;
    advance(active, out, start, raw.end);
    active.push(item);
  }
  advance(active, out, Infinity, raw.end);
  return out.finish();
}

/** Finds the {@linkcode disjoint} range of an address. */
export class RangeTable {
  readonly #start: Float64Array;
  readonly #end: Float64Array;
  readonly #item: Uint32Array;

  private constructor({ start, end, item }: DisjointRanges) {
    this.#start = start;
    this.#end = end;
    this.#item = item;
  }

  static build(raw: RawRanges): RangeTable {
    return new RangeTable(disjoint(raw));
  }

  get size(): number {
    return this.#start.length;
  }

  get bytes(): number {
    return this.#start.byteLength + this.#end.byteLength + this.#item.byteLength;
  }

  /** Returns the index of the raw range that holds `address`, or -1. */
  find(address: number): number {
    let low = 0;
    let high = this.#start.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#start[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && address < this.#end[low - 1]! ? this.#item[low - 1]! : -1;
  }
}

/** Writes what the highest active ranges cover from where `out` stands up to `limit`. */
function advance(active: Active, out: Disjoint, limit: number, end: ArrayLike<number>): void {
  for (let top = active.top(out.at); top >= 0 && out.at < limit; top = active.top(out.at)) {
    out.push(top, Math.min(end[top]!, limit));
  }
  if (out.at < limit) out.at = limit;
}

/** A heap of ranges by rank; those that ended are dropped when they come up. */
class Active {
  readonly #heap: number[] = [];
  readonly #rank: ArrayLike<number>;
  readonly #end: ArrayLike<number>;

  constructor(rank: ArrayLike<number>, end: ArrayLike<number>) {
    this.#rank = rank;
    this.#end = end;
  }

  /** Returns the highest range that ends after `address`, or -1. */
  top(address: number): number {
    while (this.#heap.length > 0 && this.#end[this.#heap[0]!]! <= address) this.#pop();
    return this.#heap[0] ?? -1;
  }

  push(item: number): void {
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#above(item, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#above(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#above(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }

  #above(a: number, b: number): boolean {
    const difference = this.#rank[a]! - this.#rank[b]!;
    return difference === 0 ? a > b : difference > 0;
  }
}

/** Ranges as they are written, neighbours of one item merged. */
class Disjoint {
  /** Everything is written up to here. */
  at = -Infinity;
  #length = 0;
  #start: Float64Array<ArrayBuffer>;
  #end: Float64Array<ArrayBuffer>;
  #item: Uint32Array<ArrayBuffer>;

  constructor(expected: number) {
    this.#start = new Float64Array(expected);
    this.#end = new Float64Array(expected);
    this.#item = new Uint32Array(expected);
  }

  push(item: number, end: number): void {
    const last = this.#length - 1;
    if (last >= 0 && this.#item[last] === item && this.#end[last] === this.at) {
      this.#end[last] = end;
    } else {
      if (this.#length === this.#start.length) this.#resize(2 * this.#length + 16);
      this.#start[this.#length] = this.at;
      this.#end[this.#length] = end;
      this.#item[this.#length++] = item;
    }
    this.at = end;
  }

  finish(): DisjointRanges {
    if (this.#length !== this.#start.length) this.#resize(this.#length);
    return { start: this.#start, end: this.#end, item: this.#item };
  }

  #resize(length: number): void {
    const kept = Math.min(length, this.#length);
    const grow = <T extends Float64Array | Uint32Array>(from: T, to: T): T => {
      to.set(from.subarray(0, kept));
      return to;
    };
    this.#start = grow(this.#start, new Float64Array(length));
    this.#end = grow(this.#end, new Float64Array(length));
    this.#item = grow(this.#item, new Uint32Array(length));
  }
}

/**
 * Returns the indexes of `values` in ascending order of value, equal ones in ascending order of index. The values
 * are sorted without a comparator, which the engine does natively, and each index is then put in its place.
 */
export function ascending(values: ArrayLike<number>): Uint32Array<ArrayBuffer> {
  const sorted = Float64Array.from(values).sort();
  const taken = new Uint32Array(sorted.length);
  const order = new Uint32Array(sorted.length);
  for (let i = 0; i < sorted.length; i++) {
    const first = lowerBound(sorted, values[i]!);
    order[first + taken[first]!++] = i;
  }
  return order;
}

/** Returns how many of `sorted`, which ascend, are less than `value`. */
export function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
