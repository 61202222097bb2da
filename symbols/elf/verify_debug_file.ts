// SPDX-License-Identifier: Apache-2.0
/**
 * Proves that a file is the one that was asked for.
 *
 * @module
 */

import type { ByteSource } from "./byte_source.ts";
import { ElfError, readElf } from "./elf.ts";

/** Returns why `file` is not a whole ELF file of that build id; `undefined` when it is. */
export function verifyDebugFile(file: ByteSource, buildId: string): string | undefined {
  try {
    const found = readElf(file);
    if (found.truncated) return `the file ends before its sections do, at ${file.size} bytes`;
    return found.buildId === buildId ? undefined : `its build id is "${found.buildId}"`;
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return error.message;
  }
}
