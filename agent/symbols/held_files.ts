/**
 * Files that stay open for a while, so that they can be read when the last process that had them is gone, and with it
 * the only way to them: out of a container, or of a file that was deleted.
 *
 * @module
 */

import type { RegularFile } from "./regular_file.ts";

/** Descriptors, which a process has 1,024 of by default. */
const MAX_FILES = 256;

/** Holds files until the window's end. */
export class HeldFiles implements Disposable {
  /** By {@linkcode RegularFile.identity}; the oldest first. */
  readonly #files = new Map<string, RegularFile>();

  /** Takes over `file`. */
  hold(file: RegularFile): void {
    this.#close(file.identity);
    const [oldest] = this.#files.keys();
    if (oldest !== undefined && this.#files.size >= MAX_FILES) this.#close(oldest);
    this.#files.set(file.identity, file);
  }

  /** Where the file can be opened until the window's end. */
  pathOf(identity: string): string | undefined {
    return this.#files.get(identity)?.descriptorPath;
  }

  endWindow(): void {
    for (const identity of this.#files.keys()) this.#close(identity);
  }

  [Symbol.dispose](): void {
    this.endWindow();
  }

  #close(identity: string): void {
    this.#files.get(identity)?.[Symbol.dispose]();
    this.#files.delete(identity);
  }
}
