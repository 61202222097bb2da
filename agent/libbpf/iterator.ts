// SPDX-License-Identifier: Apache-2.0
/**
 * A program that is run for each thing of a kind, and writes what it sees.
 *
 * @module
 */

import { check, lastErrno } from "./errors.ts";
import { type Library, openLibrary } from "./library.ts";

/** The kernel writes at most so much at once, unless one thing needs more. */
const READ_BYTES = 32_768;
const EAGAIN = 11;

/** Runs its program each time that it is read; ends when disposed of. */
export class BpfIterator implements Disposable {
  readonly #library: Library;
  readonly #name: string;
  #link: Deno.PointerObject | null;

  /** @param of the program, which `attach` has attached */
  constructor(of: { readonly link: Deno.PointerObject; readonly name: string }) {
    // Held by itself, as it may outlive its object.
    this.#library = openLibrary();
    this.#link = of.link;
    this.#name = of.name;
  }

  /**
   * Returns what the program writes of all that there is now.
   *
   * @throws {BpfError} when the kernel refuses
   */
  read(): Uint8Array<ArrayBuffer> {
    if (!this.#link) throw new Error(`Cannot run the program '${this.#name}': it is detached`);
    const { bpf, libc } = this.#library;
    const fd = check(
      this.#library,
      bpf.bpf_iter_create(bpf.bpf_link__fd(this.#link)),
      `run the program '${this.#name}'`,
    );
    const parts: Uint8Array<ArrayBuffer>[] = [];
    try {
      for (;;) {
        const part = new Uint8Array(READ_BYTES);
        const length = Number(libc.read(fd, part, BigInt(part.byteLength)));
        if (length > 0) parts.push(part.subarray(0, length));
        if (length === 0) break;
        const errno = length < 0 ? lastErrno(this.#library) : 0;
        // The kernel gives others their turn after a million things.
        if (errno !== 0 && errno !== EAGAIN) {
          check(this.#library, -errno, `read of the program '${this.#name}'`);
        }
      }
    } finally {
      libc.close(fd);
    }
    return concat(parts);
  }

  [Symbol.dispose](): void {
    if (!this.#link) return;
    this.#library.bpf.bpf_link__destroy(this.#link);
    this.#link = null;
    this.#library[Symbol.dispose]();
  }
}

function concat(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
