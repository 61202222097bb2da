// SPDX-License-Identifier: Apache-2.0
/**
 * Reads selectors from their start to their end.
 *
 * @module
 */

const SPACE = /[ \t\r\n]*/y;

/** Is a cursor over a selector; white space behind what is read is skipped. */
export class TextCursor {
  readonly #text: string;
  readonly #errorOf: (message: string) => Error;
  #at = 0;

  /** @param errorOf makes what is thrown of its message */
  constructor(text: string, errorOf: (message: string) => Error) {
    this.#text = text;
    this.#errorOf = errorOf;
    this.match(SPACE);
  }

  /** Makes an error that names the place, counted from 1. */
  error(why: string): Error {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return this.#errorOf(
      `Cannot read the selector at character ${this.#at + 1}: ${why}: current text is "${rest}"`,
    );
  }

  /** Returns the next character; `undefined` stands for the end. */
  get next(): string | undefined {
    return this.#text[this.#at];
  }

  /** Goes past one character, with nothing skipped behind it. */
  step(): void {
    this.#at++;
  }

  /** Goes past `character` where it is next, and says whether it was. */
  take(character: string): boolean {
    if (this.next !== character) return false;
    this.step();
    this.match(SPACE);
    return true;
  }

  /** Goes past what a sticky `pattern` matches here, and returns it; white space is left. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  skipSpace(): void {
    this.match(SPACE);
  }
}
