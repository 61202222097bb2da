// SPDX-License-Identifier: Apache-2.0
/**
 * Fields of 64 bits as numbers.
 *
 * @module
 */

/**
 * Reads a little-endian number of 64 bits: exact up to 2⁵³ (104 days in ns); a larger one is no address, offset or count
 * of a real thing, and stays larger than any.
 */
export function u64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}
