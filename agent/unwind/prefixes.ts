// SPDX-License-Identifier: Apache-2.0
/**
 * Ranges of addresses as the prefixes that a trie of addresses has for keys.
 *
 * @module
 */

/** The addresses that agree with `address` in all but their low `bits` bits. */
export interface Prefix {
  /** A multiple of 2^bits. */
  readonly address: number;
  readonly bits: number;
}

/** The least range that a mapping can be: a page of 4 KiB. */
const LEAST_BITS = 12;

/**
 * Returns the fewest prefixes that cover [start, end) exactly, ascending.
 *
 * @param start and `end` are multiples of 4,096, below 2^53
 */
export function prefixesOf(start: number, end: number): Prefix[] {
  const prefixes: Prefix[] = [];
  for (let address = start; address < end;) {
    let bits = LEAST_BITS;
    let size = 2 ** bits;
    while (address % (size * 2) === 0 && address + size * 2 <= end) {
      bits++;
      size *= 2;
    }
    prefixes.push({ address, bits });
    address += size;
  }
  return prefixes;
}
