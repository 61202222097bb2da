// SPDX-License-Identifier: Apache-2.0
/**
 * A BPF object: opened from a file, configured, loaded into the kernel.
 *
 * @module
 */

import { type Btf, parseBtf } from "./btf.ts";
import { bpfError, captureLog, checkPointer, cString, withLibrary } from "./errors.ts";
import { checkLayout } from "./layout.ts";
import type { Library } from "./library.ts";
import { BpfMap } from "./map.ts";
import { BpfProgram } from "./program.ts";

/**
 * Maps and programs of an object file. Constants and map sizes are set between `open` and `load`; what is got
 * from the object lives no longer than it does, and throws when it is used later.
 *
 * @example
 * ```ts
 * using object = BpfObject.open("bpf/build/cpu.bpf.o");
 * object.setConstants({ target_pid: 42 });
 * object.load();
 * ```
 */
export class BpfObject implements Disposable {
  readonly #library: Library;
  readonly #path: string;
  readonly #pointer: Deno.PointerObject;
  readonly #btf: Btf;
  readonly #maps = new Map<string, BpfMap>();
  /** Calls on other threads that use what the object has. */
  #holds = 0;
  #closed = false;

  /**
   * Reads the object file.
   *
   * @throws {Error} when it is not a BPF object, or of another version of `bpf/aperture.h`
   */
  static open(path: string): BpfObject {
    return withLibrary((library) => {
      const pointer = checkPointer(
        library,
        () => library.bpf.bpf_object__open_file(cString(path), null),
        `open the BPF object ${path}`,
      );
      try {
        const btf = readBtf(library, { pointer, path });
        checkLayout(btf, path);
        return new BpfObject(library, { pointer, path, btf });
      } catch (error) {
        library.bpf.bpf_object__close(pointer);
        throw error;
      }
    });
  }

  private constructor(
    library: Library,
    { pointer, path, btf }: { pointer: Deno.PointerObject; path: string; btf: Btf },
  ) {
    this.#library = library;
    this.#pointer = pointer;
    this.#path = path;
    this.#btf = btf;
  }

  /**
   * Sets `const volatile` variables, which the verifier then takes for constants. Before `load`.
   *
   * @throws {RangeError} when there is no such variable of 1, 2, 4 or 8 bytes
   */
  setConstants(values: Readonly<Record<string, number>>): void {
    const section = ".rodata";
    const variables = this.#btf.variables.get(section);
    const bytes = this.map(section).initialValue();
    const view = new DataView(bytes);
    for (const [name, value] of Object.entries(values)) {
      const variable = variables?.get(name);
      if (variable?.size === 1) view.setUint8(variable.offset, value);
      else if (variable?.size === 2) view.setUint16(variable.offset, value, true);
      else if (variable?.size === 4) view.setUint32(variable.offset, value, true);
      else if (variable?.size === 8) view.setBigUint64(variable.offset, BigInt(value), true);
      else throw new RangeError(`Cannot set '${name}' of ${this.#path}: there is no such number`);
    }
  }

  /**
   * Creates the maps and has the programs verified.
   *
   * @throws {BpfError} with the end of the verifier's log when it refuses one
   */
  load(): void {
    const library = this.#library;
    const pointer = this.#live();
    const { result, lines } = captureLog(library, () => library.bpf.bpf_object__load(pointer));
    if (result < 0) {
      throw bpfError(library, { doing: `load the BPF object ${this.#path}`, errno: -result, log: lines });
    }
  }

  /**
   * Returns the map of that name.
   *
   * @throws {BpfError} when there is none
   */
  map(name: string): BpfMap {
    const object = this.#live();
    let map = this.#maps.get(name);
    if (!map) {
      const pointer = checkPointer(
        this.#library,
        () => this.#library.bpf.bpf_object__find_map_by_name(object, cString(name)),
        `find the map '${name}' in ${this.#path}`,
      );
      const of = { pointer, name, live: () => this.#live(), hold: () => this.#hold() };
      this.#maps.set(name, map = new BpfMap(this.#library, of));
    }
    return map;
  }

  /**
   * Returns the program of that name.
   *
   * @throws {BpfError} when there is none
   */
  program(name: string): BpfProgram {
    const object = this.#live();
    const pointer = checkPointer(
      this.#library,
      () => this.#library.bpf.bpf_object__find_program_by_name(object, cString(name)),
      `find the program '${name}' in ${this.#path}`,
    );
    return new BpfProgram(this.#library, { pointer, name, live: () => this.#live() });
  }

  #live(): Deno.PointerObject {
    if (this.#closed) throw new Error(`Cannot use the BPF object ${this.#path}: it is closed`);
    return this.#pointer;
  }

  /** Keeps what the object has until this is disposed of, so that a number of a file is not another's meanwhile. */
  #hold(): Disposable {
    this.#live();
    this.#holds++;
    return {
      [Symbol.dispose]: () => {
        this.#holds--;
        if (this.#closed && this.#holds === 0) this.#close();
      },
    };
  }

  #close(): void {
    this.#library.bpf.bpf_object__close(this.#pointer);
    this.#library[Symbol.dispose]();
  }

  /** Unloads maps and programs that nothing else holds, when the calls that wait in the kernel have returned. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#holds === 0) this.#close();
  }
}

function readBtf(
  library: Library,
  { pointer, path }: { pointer: Deno.PointerObject; path: string },
): Btf {
  const btf = library.bpf.bpf_object__btf(pointer);
  if (!btf) throw new Error(`Cannot use the BPF object ${path}: it has no BTF (build it with -g)`);
  const size = new Uint32Array(1);
  const data = checkPointer(library, () => library.bpf.btf__raw_data(btf, size), `read the types of ${path}`);
  return parseBtf(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(data, size[0]!)));
}
