// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Holds the one state that all parts of the page show, and keeps it in the address bar.
 *
 * @module
 */

import { AddressBar, type Entry } from "./address_bar.ts";
import { type TimeWindow, windowOf } from "./range.ts";
import { formatState, parseState, type State } from "./url_state.ts";

/** Is what parts are told when something has changed. */
export interface Shown {
  readonly state: State;
  /** Is what `from` and `to` stand for, since they were set or the page was refreshed. */
  readonly window: TimeWindow;
}

/** Tells its listeners of each change; each is one entry of the browser's history. */
export class Store {
  #state: State;
  #window: TimeWindow;
  readonly #listeners: ((shown: Shown) => void)[] = [];
  readonly #address = new AddressBar();

  constructor() {
    this.#state = parseState(location.search);
    this.#window = windowOf(this.#state.from, this.#state.to, Date.now());
    addEventListener("popstate", () => {
      this.#address.forget();
      this.#become(parseState(location.search));
    });
  }

  get state(): State {
    return this.#state;
  }

  get window(): TimeWindow {
    return this.#window;
  }

  subscribe(listener: (shown: Shown) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Changes some of the state.
   *
   * @param options.entry says whether it is an entry of the history; `same` and `typed` take the place of the newest,
   * what is typed once the typing rests
   */
  set(patch: Partial<State>, { entry = "new" }: { readonly entry?: Entry } = {}): void {
    const state = { ...this.#state, ...patch };
    const query = formatState(state);
    if (query === formatState(this.#state)) return;
    this.#address.write(location.pathname + query, entry);
    this.#become(state);
  }

  /** Lets ages stand for the present again. */
  refresh(): void {
    this.#window = windowOf(this.#state.from, this.#state.to, Date.now());
    this.tell();
  }

  /** Tells all listeners what there is. */
  tell(): void {
    for (const listener of this.#listeners) listener({ state: this.#state, window: this.#window });
  }

  #become(state: State): void {
    const before = this.#state;
    this.#state = state;
    if (state.from !== before.from || state.to !== before.to) {
      this.#window = windowOf(state.from, state.to, Date.now());
    }
    this.tell();
  }
}
