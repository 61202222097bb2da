// SPDX-License-Identifier: Apache-2.0
import { toFileAddress } from "../../agent/elf/file_address.ts";

/** Returns the address of a word of a stack, in a program that is mapped where it is linked to be. */
export function linkedAt(word: number): number {
  return toFileAddress(word)?.address ?? word;
}
