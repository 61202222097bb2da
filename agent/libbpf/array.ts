// SPDX-License-Identifier: Apache-2.0
/**
 * An array map of no object: one that is put into an array of maps while programs run.
 *
 * @module
 */

import { check, cString, withLibrary } from "./errors.ts";
import type { Library } from "./library.ts";
import { MappedMemory } from "./mapped_memory.ts";

const BPF_MAP_TYPE_ARRAY = 2;
const BPF_F_MMAPABLE = 1 << 10;
/** struct bpf_map_create_opts of libbpf 0.7 and later; `sz` first, `map_flags` at 28. */
const OPTIONS_BYTES = 48;

/** One value of any size, and its memory. */
export class BpfArray implements Disposable {
  readonly #library: Library;
  readonly #memory: MappedMemory;
  #fd: number;

  /**
   * Creates a map with one value of `bytes` bytes.
   *
   * @throws {BpfError} when the kernel refuses
   */
  static create(name: string, bytes: number): BpfArray {
    return withLibrary((library) => {
      const options = new DataView(new ArrayBuffer(OPTIONS_BYTES));
      options.setBigUint64(0, BigInt(OPTIONS_BYTES), true);
      options.setUint32(28, BPF_F_MMAPABLE, true);
      const fd = check(
        library,
        library.bpf.bpf_map_create(
          BPF_MAP_TYPE_ARRAY,
          cString(name),
          4,
          bytes,
          1,
          new Uint8Array(options.buffer),
        ),
        `create the map '${name}' of ${bytes} bytes`,
      );
      try {
        return new BpfArray(library, {
          fd,
          memory: MappedMemory.of(library, { fd, bytes, what: `the map '${name}'` }),
        });
      } catch (error) {
        library.libc.close(fd);
        throw error;
      }
    });
  }

  private constructor(library: Library, { fd, memory }: { fd: number; memory: MappedMemory }) {
    this.#library = library;
    this.#fd = fd;
    this.#memory = memory;
  }

  get fd(): number {
    if (this.#fd < 0) throw new Error("Cannot use a map: it is closed");
    return this.#fd;
  }

  /** Returns the value. Not to be used after this is disposed of. */
  words(): Uint32Array<ArrayBuffer> {
    return this.#memory.words();
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    this.#memory[Symbol.dispose]();
    this.#library.libc.close(this.#fd);
    this.#fd = -1;
    this.#library[Symbol.dispose]();
  }
}
