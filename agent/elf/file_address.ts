/**
 * Addresses of native stacks that name a file and an address in it: APERTURE_FRAME_FILE of `bpf/aperture.h`.
 *
 * As a number such a word is negative, which no address in a process is: -(file × 2³⁶ + address).
 *
 * @module
 */

/** APERTURE_FRAME_FILE_SHIFT. */
const ADDRESSES = 2 ** 36;

/** A place in a {@linkcode CodeFile}. */
export interface FileAddress {
  readonly file: number;
  /** As the file's program headers count. */
  readonly address: number;
}

/** The word of a place; `file` from 1 to 2¹⁷ - 1, `address` below 2³⁶. */
export function fileWord({ file, address }: FileAddress): number {
  return -(file * ADDRESSES + address);
}

/** The place that a word names; `undefined` for an address in a process. */
export function fileAddressOf(word: number): FileAddress | undefined {
  if (word >= 0) return undefined;
  const file = Math.floor(-word / ADDRESSES);
  return { file, address: -word - file * ADDRESSES };
}

/** The word of what is one byte before; of an address in a process as well. */
export function byteBefore(word: number): number {
  return word < 0 ? word + 1 : word - 1;
}
