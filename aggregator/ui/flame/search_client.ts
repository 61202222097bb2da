// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Asks the worker which names match, and ends it when an expression takes too long.
 *
 * @module
 */

import type { FlameModel } from "./model.ts";
import type { SearchQuestion, SearchReply } from "./search_worker.ts";

/** An expression that takes longer on the names of one graph never ends, or nearly. In ms. */
const PATIENCE_MS = 2000;

export type Matched =
  | { readonly matches: Uint8Array }
  | { readonly problem: "no regular expression" | "takes too long" };

/** Searches the names of one graph after the other; only the last question is answered. */
export class SearchClient {
  #worker: Worker | undefined;
  /** Comes when the worker has been loaded. */
  #started: Promise<void> | undefined;
  #names: readonly string[] | undefined;
  #last = 0;

  /** @returns `undefined` when another search was begun meanwhile */
  match({ names, modules }: FlameModel, text: string): Promise<Matched | undefined> {
    const id = ++this.#last;
    const worker = this.#worker ??= new Worker("/search_worker.js", { type: "module" });
    this.#started ??= new Promise((done) => worker.addEventListener("message", () => done(), { once: true }));
    const isNew = this.#names !== names;
    this.#names = names;
    const { promise, resolve } = Promise.withResolvers<Matched | undefined>();
    let timer = 0;
    let isAnswered = false;
    // A busy machine may take its time to load the worker, which says nothing of the expression.
    void this.#started.then(() => {
      if (isAnswered) return;
      timer = Number(setTimeout(() => {
        worker.terminate();
        if (this.#worker === worker) this.#worker = this.#names = this.#started = undefined;
        resolve(id === this.#last ? { problem: "takes too long" } : undefined);
      }, PATIENCE_MS));
    });
    const listen = ({ data }: MessageEvent<SearchReply>) => {
      if (data.id !== id) return;
      isAnswered = true;
      clearTimeout(timer);
      worker.removeEventListener("message", listen);
      if (id !== this.#last) resolve(undefined);
      else resolve(data.matches ? { matches: data.matches } : { problem: "no regular expression" });
    };
    worker.addEventListener("message", listen);
    worker.postMessage({ id, text, ...(isNew && { names: { names, modules } }) } satisfies SearchQuestion);
    return promise;
  }
}
