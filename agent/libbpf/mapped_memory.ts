/**
 * The values of a map as memory of this process (mmap(2)).
 *
 * @module
 */

import { bpfError, lastErrno } from "./errors.ts";
import { type Library, openLibrary } from "./library.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;

/** Gives memory that the programs read as soon as it is written, without a call. */
export class MappedMemory implements Disposable {
  readonly #library: Library;
  readonly #bytes: number;
  #pointer: Deno.PointerObject | null;

  /** @throws {BpfError} when the kernel refuses */
  static ofMap(
    library: Library,
    { fd, bytes, name }: { fd: number; bytes: number; name: string },
  ): MappedMemory {
    const pointer = library.libc.mmap(null, BigInt(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0n);
    if (pointer === null || Deno.UnsafePointer.value(pointer) === MAP_FAILED) {
      throw bpfError(library, { doing: `map the memory of the map '${name}'`, errno: lastErrno(library) });
    }
    return new MappedMemory(pointer, bytes);
  }

  private constructor(pointer: Deno.PointerObject, bytes: number) {
    // Held by itself, as memory outlives its map.
    this.#library = openLibrary();
    this.#pointer = pointer;
    this.#bytes = bytes;
  }

  /** Returns the memory as 32-bit words. Not to be used after this is disposed of. */
  words(): Uint32Array<ArrayBuffer> {
    if (!this.#pointer) throw new Error("Cannot use the memory of a map: it is unmapped");
    return new Uint32Array(Deno.UnsafePointerView.getArrayBuffer(this.#pointer, this.#bytes));
  }

  [Symbol.dispose](): void {
    if (!this.#pointer) return;
    this.#library.libc.munmap(this.#pointer, BigInt(this.#bytes));
    this.#pointer = null;
    this.#library[Symbol.dispose]();
  }
}
