// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the memory of another process.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import { closeSync, openSync, readSync } from "node:fs";

/** Memory by address. */
export interface Memory {
  /** Returns `length` bytes from `address` on; `undefined` where not all of them can be read. */
  read(address: number, length: number): Uint8Array<ArrayBuffer> | undefined;
}

/** User addresses are below; a pointer that is not was read from junk. */
const USER_END = 2 ** 47;
/** The most that is read at once. */
const MAX_READ = 1 << 20;

/** A process's memory through `/proc/PID/mem`, which needs the rights of ptrace(2). */
export class ProcessMemory implements Memory, Disposable {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Returns `undefined` when the process is gone, or not ours to read.
   *
   * @param folder `/proc/PID`
   */
  static open(folder: string): ProcessMemory | undefined {
    try {
      return new ProcessMemory(openSync(`${folder}/mem`, "r"));
    } catch {
      return undefined;
    }
  }

  read(address: number, length: number): Uint8Array<ArrayBuffer> | undefined {
    if (!(address > 0 && address + length <= USER_END && length >= 0 && length <= MAX_READ)) return undefined;
    const bytes = new Uint8Array(length);
    try {
      // The kernel stops at a page that is not there; what follows is then not there either.
      return readSync(this.#fd, bytes, 0, length, address) === length ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Returns the 64-bit word at `at`; exact up to 2^53, a larger one is no address and stays larger than any. */
export function wordAt(bytes: Uint8Array<ArrayBuffer>, at: number): number {
  return u64(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at);
}

/** Returns the word at `address`; `undefined` where it cannot be read. */
export function readWord(memory: Memory, address: number): number | undefined {
  const bytes = memory.read(address, 8);
  return bytes && wordAt(bytes, 0);
}
