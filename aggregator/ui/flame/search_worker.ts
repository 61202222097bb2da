// SPDX-License-Identifier: Apache-2.0

/// <reference lib="webworker" />
/**
 * Searches names beside the page, which stays at hand whatever a regular expression costs.
 *
 * @module
 */

import { matchNames, parseSearch, type Searched } from "./search.ts";

/** Is what the page asks: with `names` for a new graph, then with texts alone. */
export interface SearchQuestion {
  readonly id: number;
  readonly text: string;
  readonly names?: Searched;
}

export interface SearchReply {
  readonly id: number;
  /** Is missing where the text is no regular expression. */
  readonly matches?: Uint8Array;
}

let known: Searched = { names: [], modules: [] };

// The project's own types are the page's; here `self` is a worker.
const scope = globalThis as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = ({ data: { id, text, names } }: MessageEvent<SearchQuestion>) => {
  if (names) known = names;
  let reply: SearchReply = { id };
  try {
    const test = parseSearch(text);
    reply = { id, matches: test ? matchNames(known, test) : new Uint8Array(known.names.length) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  scope.postMessage(reply);
};

// The first message says that the worker has been loaded; no question has this number.
scope.postMessage({ id: 0 } satisfies SearchReply);
