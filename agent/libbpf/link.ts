// SPDX-License-Identifier: Apache-2.0
/**
 * A program's attachment.
 *
 * @module
 */

import { check, lastErrno } from "./errors.ts";
import { type Library, openLibrary } from "./library.ts";

/** Ends when disposed of, and closes the event that it is attached to. */
export class BpfLink implements Disposable {
  readonly #library: Library;
  #pointer: Deno.PointerObject | null;

  constructor(pointer: Deno.PointerObject) {
    // Held by itself, as a link may outlive its object.
    this.#library = openLibrary();
    this.#pointer = pointer;
  }

  /** Is the library, as long as the link is there. @throws {Error} once it is closed */
  protected get library(): Library {
    if (!this.#pointer) throw new Error("Cannot use a program's attachment: it is closed");
    return this.#library;
  }

  [Symbol.dispose](): void {
    if (!this.#pointer) return;
    this.#library.bpf.bpf_link__destroy(this.#pointer);
    this.#pointer = null;
    this.#library[Symbol.dispose]();
  }
}

const COUNT_BYTES = 8;

/** A program's attachment to a perf event. */
export class PerfEventLink extends BpfLink {
  readonly #fd: number;

  /** @param fd of the event, which is closed with the link */
  constructor(pointer: Deno.PointerObject, fd: number) {
    super(pointer);
    this.#fd = fd;
  }

  /**
   * Returns what the event has counted: of a clock, the ns for which it ran.
   *
   * @throws {BpfError} when the kernel refuses
   */
  count(): number {
    const { library } = this;
    const bytes = new Uint8Array(COUNT_BYTES);
    const length = Number(library.libc.read(this.#fd, bytes, BigInt(bytes.length)));
    if (length < 0) check(library, -lastErrno(library), "read a perf event");
    // Of an event that the kernel has given up there is nothing to be read.
    return length === COUNT_BYTES ? Number(new DataView(bytes.buffer).getBigUint64(0, true)) : 0;
  }
}
