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
  readonly #bytes: number;
  #memory: MappedMemory | undefined;
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
      return new BpfArray(library, { fd, bytes });
    });
  }

  private constructor(library: Library, { fd, bytes }: { fd: number; bytes: number }) {
    this.#library = library;
    this.#fd = fd;
    this.#bytes = bytes;
  }

  get fd(): number {
    if (this.#fd < 0) throw new Error("Cannot use a map: it is closed");
    return this.#fd;
  }

  /**
   * Writes `bytes` at byte `at` of the value.
   *
   * @throws {BpfError} when the kernel refuses to map it
   * @throws {RangeError} when they do not fit
   */
  write(at: number, bytes: Uint8Array<ArrayBuffer>): void {
    const { fd } = this;
    this.#memory ??= MappedMemory.of(this.#library, { fd, bytes: this.#bytes, what: "the memory of a map" });
    this.#memory.write(at, bytes);
  }

  /** Lets go of the value, which is the kernel's alone until it is written to again. */
  unmap(): void {
    this.#memory?.[Symbol.dispose]();
    this.#memory = undefined;
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    this.unmap();
    this.#library.libc.close(this.#fd);
    this.#fd = -1;
    this.#library[Symbol.dispose]();
  }
}
