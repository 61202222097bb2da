// SPDX-License-Identifier: Apache-2.0
/**
 * The bytes of a file that code is mapped from, which is open only while it is read.
 *
 * What is open cannot be unmounted, so nothing of others' is open for long; what was found in a file is kept.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { RegularFile } from "../../symbols/elf/regular_file.ts";
import type { CodeFile } from "./code_file.ts";
import { pathsTo } from "./mapped_file.ts";

/** May be opened again after it was closed: it is then the same file, as it was. */
export class CodeSource implements ByteSource, Disposable {
  readonly #file: CodeFile;
  #opened: RegularFile | undefined;
  #size = 0;

  constructor(file: CodeFile) {
    this.#file = file;
  }

  /** The size is 0 until it was open. */
  get size(): number {
    return this.#size;
  }

  /** Opens the copy whose process had it mapped last; false where none can be reached. */
  open(): boolean {
    this[Symbol.dispose]();
    for (const place of this.#file.places.toReversed()) {
      for (const path of pathsTo(place)) {
        const opened = RegularFile.open(path);
        if (opened?.identity === place.identity) {
          [this.#opened, this.#size] = [opened, opened.size];
          return true;
        }
        opened?.[Symbol.dispose]();
      }
    }
    return false;
  }

  /** @throws {Error} while it is closed */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (this.#opened === undefined) throw new Error(`Cannot read ${this.#file.path}: it is closed`);
    return this.#opened.read(offset, length);
  }

  [Symbol.dispose](): void {
    this.#opened?.[Symbol.dispose]();
    this.#opened = undefined;
  }
}
