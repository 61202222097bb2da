// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Writes addresses into the browser's bar and history, after what they stand for has been drawn: for each the browser
 * loads the page's icon again, which takes it milliseconds, and some refuse more than a hundred in half a minute.
 *
 * @module
 */

import { AfterFrame } from "./after_frame.ts";

/** What is typed is written this often at most, in ms. */
const TYPED_EVERY_MS = 400;

interface Entry {
  readonly address: string;
  readonly replace: boolean;
}

/** Writes all entries in order; of those that take the place of one another, the last. */
export class AddressBar {
  readonly #afterFrame = new AfterFrame();
  #waiting: Entry[] = [];
  #timer = 0;
  #typed = -Infinity;

  constructor() {
    addEventListener("pagehide", () => this.#flush());
  }

  /** @param options.replace takes the place of the entry before */
  write(address: string, { replace }: { readonly replace: boolean }): void {
    const before = replace ? this.#waiting.pop() : undefined;
    this.#waiting.push({ address, replace: before?.replace ?? replace });
    clearTimeout(this.#timer);
    const wait = replace ? this.#typed + TYPED_EVERY_MS - performance.now() : 0;
    if (wait <= 0) this.#afterFrame.run(() => this.#flush());
    else this.#timer = Number(setTimeout(() => this.#flush(), wait));
  }

  /** Forgets what was not written: another entry of the history was chosen. */
  forget(): void {
    this.#waiting = [];
    clearTimeout(this.#timer);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    for (const { address, replace } of this.#waiting) {
      if (replace) {
        this.#typed = performance.now();
        history.replaceState(null, "", address);
      } else history.pushState(null, "", address);
    }
    this.#waiting = [];
  }
}
