// SPDX-License-Identifier: Apache-2.0
/**
 * A program's attachment.
 *
 * @module
 */

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

  [Symbol.dispose](): void {
    if (!this.#pointer) return;
    this.#library.bpf.bpf_link__destroy(this.#pointer);
    this.#pointer = null;
    this.#library[Symbol.dispose]();
  }
}
