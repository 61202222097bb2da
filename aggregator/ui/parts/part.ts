// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is a part of the page that asks for itself and draws itself when its answer comes, whatever the others do.
 *
 * @module
 */

import { AnswerError, UnauthorizedError } from "../state/api.ts";
import { h } from "./dom.ts";

/** What is added to an answer may take so long. */
const MORE_MS = 30_000;

/** Asks, until the signal is aborted. */
export type Load<T> = (signal: AbortSignal) => Promise<T>;

export interface PartOptions<T> {
  /** Is where the part is. While there is nothing to show it looks like a skeleton; what is old is dimmed. */
  readonly root: HTMLElement;
  readonly draw: (answer: T) => void;
  /** Is offered, beside trying again, where storage ran out of time or memory. */
  readonly smaller?: () => void;
}

/** Shows the answer to the last question, and the one before until it comes. */
export class Part<T> {
  readonly #options: PartOptions<T>;
  readonly #problem = h("div", { class: "problem", role: "alert", hidden: true });
  #key: string | undefined;
  #cancel: AbortController | undefined;
  /** Ends the question for a finer answer than the one that is there. */
  #cancelFiner: AbortController | undefined;
  #answer: { readonly value: T } | undefined;

  constructor(options: PartOptions<T>) {
    this.#options = options;
    options.root.classList.add("part");
    options.root.append(this.#problem);
  }

  /** Is what was answered last. */
  get answer(): T | undefined {
    return this.#answer?.value;
  }

  /**
   * Asks when `key` is not the last question's, and draws; else draws what there is again.
   *
   * @param key stands for what is asked
   * @param finer asks for what takes the answer's place once that is drawn; undefined where that is fine enough
   */
  ask(key: string, load: Load<T>, finer?: (answer: T) => Load<T> | undefined): void {
    if (key === this.#key) {
      if (this.#answer && !this.#cancel) this.#options.draw(this.#answer.value);
      return;
    }
    this.#key = key;
    void this.#load(key, load, finer);
  }

  /** Does what adds to the answer, which stays as it is where that fails; `say` is told why. */
  async whileBusy(work: (signal: AbortSignal) => Promise<void>, say: (text: string) => void): Promise<void> {
    const { root } = this.#options;
    root.setAttribute("aria-busy", "true");
    try {
      await work(AbortSignal.timeout(MORE_MS));
    } catch (error) {
      say((error as Error).message);
    } finally {
      root.setAttribute("aria-busy", "false");
    }
  }

  /** Stops what is under way, and forgets what was asked. */
  stop(): void {
    this.#cancel?.abort();
    this.#cancelFiner?.abort();
    this.#cancel = undefined;
    this.#key = undefined;
    this.#state("");
  }

  async #load(key: string, load: Load<T>, finer?: (answer: T) => Load<T> | undefined): Promise<void> {
    this.#cancel?.abort();
    this.#cancelFiner?.abort();
    const cancel = this.#cancel = new AbortController();
    this.#state(this.#answer ? "stale" : "loading");
    try {
      const value = await load(cancel.signal);
      if (cancel.signal.aborted) return;
      this.#answer = { value };
      this.#cancel = undefined;
      this.#problem.hidden = true;
      this.#options.draw(value);
      this.#state("");
      const more = finer?.(value);
      if (more) void this.#refine(more);
    } catch (error) {
      if (cancel.signal.aborted) return;
      this.#cancel = undefined;
      if (error instanceof UnauthorizedError) return location.reload();
      this.#state(this.#answer ? "stale" : "failed");
      this.#explain(error as Error, () => {
        if (this.#key === key) void this.#load(key, load, finer);
      });
    }
  }

  async #refine(load: Load<T>): Promise<void> {
    const { signal } = this.#cancelFiner = new AbortController();
    try {
      const value = await load(signal);
      if (!signal.aborted) this.#options.draw((this.#answer = { value }).value);
    } catch {
      // What is there stays, and says how much of all it is.
    }
  }

  #explain(error: Error, again: () => void): void {
    const { smaller } = this.#options;
    const isTooMuch = error instanceof AnswerError && ["timeout", "unavailable"].includes(error.code);
    this.#problem.replaceChildren(
      h("span", {}, error.message),
      h("button", { onclick: again }, "Try again"),
      isTooMuch && smaller ? h("button", { onclick: smaller }, "The last hour of it") : "",
    );
    this.#problem.hidden = false;
  }

  #state(state: "" | "loading" | "stale" | "failed"): void {
    const { root } = this.#options;
    root.dataset["state"] = state;
    root.setAttribute("aria-busy", String(state === "loading" || state === "stale" && !!this.#cancel));
  }
}
