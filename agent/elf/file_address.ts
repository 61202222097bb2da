// SPDX-License-Identifier: Apache-2.0
/**
 * The addresses of frames in native stacks. Where the kernel side knows the file of the code, it is the file's id and
 * the address in the file (APERTURE_FRAME_FILE of `bpf/aperture.h`), which means the same in every process and when
 * they are gone; else it is the address in the process.
 *
 * As a number, an address in a file is negative, which no address in a process is: -(file × 2³⁶ + address).
 *
 * @module
 */

/** APERTURE_FRAME_FILE_SHIFT. */
const ADDRESSES = 2 ** 36;

/** An address in a {@linkcode CodeFile}. */
export interface FileAddress {
  /** The file's id, from 1 to 2¹⁷ - 1. */
  readonly file: number;
  /** It is below 2³⁶, as the file's program headers count. */
  readonly address: number;
}

/** Returns the frame address of an address in a file. */
export function toFrameAddress({ file, address }: FileAddress): number {
  return -(file * ADDRESSES + address);
}

/** Returns the address in a file that a frame address is; `undefined` for one in a process. */
export function toFileAddress(frameAddress: number): FileAddress | undefined {
  if (frameAddress >= 0) return undefined;
  const file = Math.floor(-frameAddress / ADDRESSES);
  return { file, address: -frameAddress - file * ADDRESSES };
}

/** Tells whether a word of a stack means the same in every process: an address in a file, or why the stack ends. */
export function isInFile(word: number): boolean {
  return word < 0;
}

/**
 * Returns the number of the reason, of `enum aperture_stack_end`, that a stack's last word gives for its end;
 * `undefined` for a frame.
 */
export function cutReasonOf(word: number): number | undefined {
  return word < 0 && word > -ADDRESSES ? -word : undefined;
}

/** Returns the frame address one byte before, in a file or in a process. */
export function byteBefore(frameAddress: number): number {
  return frameAddress < 0 ? frameAddress + 1 : frameAddress - 1;
}
