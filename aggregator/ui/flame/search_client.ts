// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Asks the worker which names match, and ends it when an expression takes too long.
 *
 * @module
 */

import type { Searched } from "./search.ts";
import type { SearchQuestion, SearchReply } from "./search_worker.ts";

/** An expression that takes longer on the names of one graph never ends, or nearly. In ms. */
const PATIENCE_MS = 2000;

export type Matched =
  | { readonly matches: Uint8Array }
  | { readonly problem: "no regular expression" | "takes too long" };

export interface SearchClientOptions {
  /** Starts the worker. @default that of the page */
  readonly start?: () => Worker;
  /** One question may take so long, in ms. @default {2000} */
  readonly patience?: number;
}

/** Is a question on its way, or that waits for the one before. */
interface Question {
  readonly searched: Searched;
  readonly text: string;
  readonly answer: (matched: Matched | undefined) => void;
}

/**
 * Searches the names of one graph after the other; only the last question is answered. The worker has one question at a
 * time: what is asked meanwhile must not end with it, where its expression has no end.
 */
export class SearchClient {
  readonly #start: () => Worker;
  readonly #patience: number;
  #worker: Worker | undefined;
  /** Comes when the worker has been loaded. */
  #started: Promise<void> | undefined;
  /** Is what the worker knows. */
  #known: Searched | undefined;
  #asked: Question | undefined;
  #waiting: Question | undefined;
  #id = 0;

  constructor(
    { start = () => new Worker("/search_worker.js", { type: "module" }), patience = PATIENCE_MS }:
      SearchClientOptions = {},
  ) {
    this.#start = start;
    this.#patience = patience;
  }

  /** @returns `undefined` when another search was begun meanwhile */
  match(searched: Searched, text: string): Promise<Matched | undefined> {
    const { promise, resolve } = Promise.withResolvers<Matched | undefined>();
    this.#waiting?.answer(undefined);
    this.#waiting = { searched, text, answer: resolve };
    this.#next();
    return promise;
  }

  /** Loads the worker: who types first does not wait for that. */
  load(): void {
    this.#worker ??= this.#start();
  }

  /** Tells the worker the names, before anything is searched in them. */
  prepare(searched: Searched): void {
    if (!this.#asked && this.#known?.names !== searched.names) void this.match(searched, "");
  }

  /** Ends the worker. */
  stop(): void {
    this.#worker?.terminate();
    this.#worker = this.#known = this.#started = undefined;
  }

  /** Asks the worker what waits, when it has nothing else to do. */
  #next(): void {
    if (this.#asked || !this.#waiting) return;
    const question = this.#asked = this.#waiting;
    this.#waiting = undefined;
    const { names, modules, files } = question.searched;
    const id = ++this.#id;
    const worker = this.#worker ??= this.#start();
    this.#started ??= new Promise((done) => worker.addEventListener("message", () => done(), { once: true }));
    // Files that nobody asks for now need not be forgotten.
    const isNew = this.#known?.names !== names || files && this.#known.files !== files;
    if (isNew) this.#known = { names, modules, files };
    let timer = 0;
    const done = (matched: Matched) => {
      clearTimeout(timer);
      worker.removeEventListener("message", listen);
      this.#asked = undefined;
      question.answer(this.#waiting ? undefined : matched);
      this.#next();
    };
    const listen = ({ data }: MessageEvent<SearchReply>) => {
      if (data.id !== id) return;
      done(data.matches ? { matches: data.matches } : { problem: "no regular expression" });
    };
    // A busy machine may take its time to load the worker, which says nothing of the expression.
    void this.#started.then(() => {
      if (this.#asked !== question) return;
      timer = Number(setTimeout(() => {
        this.stop();
        done({ problem: "takes too long" });
      }, this.#patience));
    });
    worker.addEventListener("message", listen);
    const { text } = question;
    worker.postMessage({ id, text, ...(isNew && { names: this.#known! }) } satisfies SearchQuestion);
  }
}
