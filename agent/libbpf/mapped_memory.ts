// SPDX-License-Identifier: Apache-2.0
/**
 * The values of a map, what the kernel writes for a perf event, or a file, as memory of this process (mmap(2)).
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { bpfError, lastErrno } from "./errors.ts";
import { type Library, openLibrary } from "./library.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FAILED = 2n ** 64n - 1n;

/** Gives memory that this process and the kernel read as soon as the other has written it, without a call. */
export class MappedMemory implements Disposable {
  readonly #library: Library;
  readonly #bytes: number;
  #pointer: Deno.PointerObject | null;
  #buffer: ArrayBuffer | undefined;

  /**
   * Maps the first `bytes` of `fd`, which may be closed then; `what` names it in messages.
   *
   * @throws {BpfError} when the kernel refuses
   */
  static of(
    library: Library,
    { fd, bytes, what }: { fd: number; bytes: number; what: string },
  ): MappedMemory {
    return MappedMemory.#map(library, { fd, bytes, what, how: [PROT_READ | PROT_WRITE, MAP_SHARED] });
  }

  /**
   * Maps a regular file, which is not to be written to, and which nobody may make shorter meanwhile: who reads what is
   * no more there is killed.
   *
   * @throws {Error} when there is none, or the kernel refuses
   */
  static ofFile(path: string): MappedMemory {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    using library = openLibrary();
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new Error(`Cannot map ${path}: it is no file`);
      const how = [PROT_READ, MAP_PRIVATE] as const;
      return MappedMemory.#map(library, { fd, bytes: stat.size, what: path, how });
    } finally {
      closeSync(fd);
    }
  }

  static #map(
    library: Library,
    { fd, bytes, what, how: [access, sharing] }: {
      fd: number;
      bytes: number;
      what: string;
      how: readonly [number, number];
    },
  ): MappedMemory {
    const pointer = library.libc.mmap(null, BigInt(bytes), access, sharing, fd, 0n);
    if (pointer === null || Deno.UnsafePointer.value(pointer) === MAP_FAILED) {
      throw bpfError(library, { doing: `map ${what}`, errno: lastErrno(library) });
    }
    return new MappedMemory(pointer, bytes);
  }

  private constructor(pointer: Deno.PointerObject, bytes: number) {
    // Held by itself, as memory outlives its map.
    this.#library = openLibrary();
    this.#pointer = pointer;
    this.#bytes = bytes;
  }

  /**
   * Returns the memory itself, always as the same object: V8 takes each for as many bytes of new memory, and collects
   * garbage for their sake. Not to be used after this is disposed of.
   */
  buffer(): ArrayBuffer {
    return this.#buffer ??= Deno.UnsafePointerView.getArrayBuffer(this.#live(), this.#bytes);
  }

  /** Returns the memory as 32-bit words. Not to be used after this is disposed of. */
  words(): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.buffer());
  }

  /**
   * Copies `bytes` to where the memory's byte `at` is, for which V8 need not know of the memory.
   *
   * @throws {RangeError} when they do not fit
   */
  write(at: number, bytes: Uint8Array<ArrayBuffer>): void {
    const to = Deno.UnsafePointer.value(this.#live());
    if (!(at >= 0 && at + bytes.length <= this.#bytes)) {
      throw new RangeError(`Cannot write ${bytes.length} bytes at ${at}: the memory has ${this.#bytes}`);
    }
    this.#library.libc.memcpy(to + BigInt(at), bytes, BigInt(bytes.length));
  }

  #live(): Deno.PointerObject {
    if (!this.#pointer) throw new Error("Cannot use mapped memory: it is unmapped");
    return this.#pointer;
  }

  [Symbol.dispose](): void {
    if (!this.#pointer) return;
    this.#library.libc.munmap(this.#pointer, BigInt(this.#bytes));
    this.#pointer = null;
    this.#buffer = undefined;
    this.#library[Symbol.dispose]();
  }
}
