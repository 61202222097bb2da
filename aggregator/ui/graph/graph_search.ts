// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Searches a graph: what matches, how much of the selection it is, and which hit is next.
 *
 * @module
 */

import type { FlameModel } from "../flame/model.ts";
import { search, type SearchResult } from "../flame/search.ts";
import { SearchClient } from "../flame/search_client.ts";

/** Keeps what the last search found. */
export class GraphSearch {
  readonly #client = new SearchClient();
  #found:
    | { readonly model: FlameModel; readonly matches: Uint8Array; readonly result: SearchResult }
    | undefined;
  #hit = -1;

  /** Holds for each row of the names 1 where it matches; `undefined` where nothing is searched. */
  get matches(): Uint8Array | undefined {
    return this.#found?.matches;
  }

  /**
   * Searches `model` for `text`, and keeps what was found.
   *
   * @returns `undefined` when another search was begun meanwhile
   */
  async find(
    model: FlameModel,
    text: string,
  ): Promise<SearchResult | { readonly problem: string } | undefined> {
    if (text.trim() === "") {
      this.#found = undefined;
      return { width: 0, boxes: [], count: 0 };
    }
    const matched = await this.#client.match(model, text);
    if (!matched) return undefined;
    this.#hit = -1;
    if ("problem" in matched) {
      this.#found = undefined;
      return matched;
    }
    const { matches } = matched;
    this.#found = { model, matches, result: search(model, matches) };
    return this.#found.result;
  }

  /** Returns the next box that matches, the widest first; `undefined` for none. */
  step(by: 1 | -1): number | undefined {
    const boxes = this.#found?.result.boxes ?? [];
    if (boxes.length === 0) return undefined;
    this.#hit = (this.#hit + by + boxes.length) % boxes.length;
    return boxes[this.#hit];
  }
}
