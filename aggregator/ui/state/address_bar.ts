// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Writes addresses into the browser's bar and history, after what they stand for has been drawn: for each the browser
 * loads the page's icon again, which takes it milliseconds, and some refuse more than a hundred in half a minute.
 *
 * @module
 */

import { AfterFrame } from "./after_frame.ts";

/** What is typed is written after a pause of this, in ms. */
const TYPED_MS = 300;

/** Says whether an address is a new entry of the history, or takes the place of the newest. */
export type Entry = "new" | "same" | "typed";

interface Waiting {
  readonly address: string;
  readonly replace: boolean;
}

/** Writes all entries in order; of those that take the place of one another, the last. */
export class AddressBar {
  readonly #afterFrame = new AfterFrame();
  #waiting: Waiting[] = [];
  #timer = 0;

  constructor() {
    addEventListener("pagehide", () => this.#flush());
  }

  /** Takes an address, which is written once the page has been drawn, or the typing rests. */
  write(address: string, entry: Entry): void {
    const replace = entry !== "new";
    const before = replace ? this.#waiting.pop() : undefined;
    this.#waiting.push({ address, replace: before?.replace ?? replace });
    clearTimeout(this.#timer);
    if (entry === "typed") this.#timer = Number(setTimeout(() => this.#flush(), TYPED_MS));
    else this.#afterFrame.run(() => this.#flush());
  }

  /** Forgets what was not written: another entry of the history was chosen. */
  forget(): void {
    this.#waiting = [];
    clearTimeout(this.#timer);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    for (const { address, replace } of this.#waiting) {
      if (replace) history.replaceState(null, "", address);
      else history.pushState(null, "", address);
    }
    this.#waiting = [];
  }
}
