// SPDX-License-Identifier: Apache-2.0
/**
 * The values of a map, or what the kernel writes for a perf event, as memory of this process (mmap(2)).
 *
 * @module
 */

import { bpfError, lastErrno } from "./errors.ts";
import { type Library, openLibrary } from "./library.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;

/** Gives memory that this process and the kernel read as soon as the other has written it, without a call. */
export class MappedMemory implements Disposable {
  readonly #library: Library;
  readonly #bytes: number;
  #pointer: Deno.PointerObject | null;

  /**
   * Maps the first `bytes` of `fd`, which may be closed then; `what` names it in messages.
   *
   * @throws {BpfError} when the kernel refuses
   */
  static of(
    library: Library,
    { fd, bytes, what }: { fd: number; bytes: number; what: string },
  ): MappedMemory {
    const pointer = library.libc.mmap(null, BigInt(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0n);
    if (pointer === null || Deno.UnsafePointer.value(pointer) === MAP_FAILED) {
      throw bpfError(library, { doing: `map the memory of ${what}`, errno: lastErrno(library) });
    }
    return new MappedMemory(pointer, bytes);
  }

  private constructor(pointer: Deno.PointerObject, bytes: number) {
    // Held by itself, as memory outlives its map.
    this.#library = openLibrary();
    this.#pointer = pointer;
    this.#bytes = bytes;
  }

  /** Returns the memory itself. Not to be used after this is disposed of. */
  buffer(): ArrayBuffer {
    if (!this.#pointer) throw new Error("Cannot use mapped memory: it is unmapped");
    return Deno.UnsafePointerView.getArrayBuffer(this.#pointer, this.#bytes);
  }

  /** Returns the memory as 32-bit words. Not to be used after this is disposed of. */
  words(): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.buffer());
  }

  [Symbol.dispose](): void {
    if (!this.#pointer) return;
    this.#library.libc.munmap(this.#pointer, BigInt(this.#bytes));
    this.#pointer = null;
    this.#library[Symbol.dispose]();
  }
}
