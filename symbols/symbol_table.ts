// SPDX-License-Identifier: Apache-2.0
/**
 * The functions of one ELF file, found by address.
 *
 * libdw's own look-up by address walks the whole symbol table: 1.1 ms in libLLVM, 1.5 ms in node. Here the
 * table is sorted once (some 50 ms for node) and keeps functions only, in an image that is searched in place.
 *
 * @module
 */

import { buildSymbolImage, free, type ImageSources } from "./build_symbol_image.ts";
import { SymbolImage } from "./symbol_image.ts";

/** Functions by address, until it is disposed of. */
export class SymbolTable implements Disposable {
  #image: SymbolImage | undefined;
  /** Gives back what the image is in. */
  readonly #release: () => void;
  /** There are all functions, not only those that other files may call. */
  readonly whole: boolean;
  /** Functions that were left out, as all names together are too long. */
  readonly dropped: number;
  readonly size: number;
  /** The table takes so many bytes of this process's own memory. */
  readonly bytes: number;

  /**
   * @param options.bytes of this process's own memory that the image takes
   * @param options.release is called once, when the image is not used any more
   */
  constructor(image: SymbolImage, { bytes, release }: { bytes: number; release: () => void }) {
    const { whole, dropped, size } = image;
    this.#image = image;
    this.#release = release;
    this.bytes = bytes;
    [this.whole, this.dropped, this.size] = [whole, dropped, size];
  }

  /** Returns the table of a file in memory. */
  static build(sources: ImageSources): SymbolTable {
    return SymbolTable.inMemory(buildSymbolImage(sources))!;
  }

  /** Returns the table of an image, which becomes its own; `undefined` where it is none. */
  static inMemory(bytes: Uint8Array<ArrayBuffer>): SymbolTable | undefined {
    const image = SymbolImage.of(bytes);
    return image && new SymbolTable(image, { bytes: bytes.length, release: () => free(bytes) });
  }

  /** Returns the name of the function at `address`, as the file has it (mangled). */
  find(address: number): string | undefined {
    if (this.#image === undefined) throw new Error("Cannot use a symbol table: it is closed");
    return this.#image.find(address);
  }

  [Symbol.dispose](): void {
    if (this.#image === undefined) return;
    this.#image = undefined;
    this.#release();
  }
}
