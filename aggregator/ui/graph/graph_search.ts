// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Searches a graph: what matches, how much of the selection it is, and which hit is next.
 *
 * @module
 */

import type { FlameModel } from "../flame/model.ts";
import type { App } from "../parts/app.ts";
import { needsFiles, search, type SearchResult } from "../flame/search.ts";
import { SearchClient } from "../flame/search_client.ts";

/** Holds what was found of a text in a model. */
interface Found {
  readonly model: FlameModel;
  readonly text: string;
  readonly matches: Uint8Array;
  readonly result: SearchResult;
}

/** Holds the files of a model's names, as far as they were asked for. */
interface Files {
  readonly model: FlameModel;
  readonly files: Promise<readonly string[]>;
}

/** Is the graph that is searched. */
export interface Searchable {
  /** Says whether the model is shown still. */
  isShown(): boolean;
  /** Writes what part of the selection an amount is, "" where there is more than one. */
  share(value: number): string;
  readonly walk: (by: 1 | -1) => void;
  draw(): void;
}

/** Keeps what the last search found, and the hit that was walked to. */
export class GraphSearch {
  readonly #client = new SearchClient();
  readonly #ask: (model: FlameModel) => Promise<readonly string[]>;
  #files: Files | undefined;
  #found: Found | undefined;
  #hit: number | undefined;
  /** Counts searches: what comes late for one is no answer to the next, which may need no worker. */
  #last = 0;

  /** @param ask asks for the files of a model's names */
  constructor(ask: (model: FlameModel) => Promise<readonly string[]>) {
    this.#ask = ask;
  }

  /** Makes ready what a first search needs, whatever it is in. */
  load(): void {
    this.#client.load();
  }

  /** Makes ready what the first search in `model` needs. */
  prepare({ names, modules }: FlameModel): void {
    this.#client.prepare({ names, modules });
  }

  /** Returns for each row of `model`'s names 1 where it matches; `undefined` where it is not searched, or not yet. */
  matches(model: FlameModel): Uint8Array | undefined {
    return this.#in(model)?.matches;
  }

  /**
   * Searches `model` for `text`, and keeps what was found: who walks to a hit asks for the same again.
   *
   * @returns `undefined` when another search was begun meanwhile
   */
  async find(
    model: FlameModel,
    text: string,
  ): Promise<SearchResult | { readonly problem: string } | undefined> {
    const id = ++this.#last;
    if (text.trim() === "") {
      this.#found = undefined;
      return { width: 0, boxes: [], count: 0 };
    }
    const known = this.#in(model);
    if (known?.text === text) return known.result;
    let files: readonly string[] | undefined;
    if (needsFiles(text)) {
      try {
        files = await this.#filesOf(model);
      } catch (error) {
        return id === this.#last ? { problem: (error as Error).message } : undefined;
      }
      if (id !== this.#last) return undefined;
    }
    const { names, modules } = model;
    const matched = await this.#client.match({ names, modules, files }, text);
    // An answer comes in the middle of a frame: to reckon and draw then would have the next one begin late.
    await new Promise(requestAnimationFrame);
    if (!matched || id !== this.#last) return undefined;
    const found = "problem" in matched ? matched : search(model, matched.matches);
    // Both in one frame are too much for it as long as the browser has not made fast code of either.
    await new Promise(requestAnimationFrame);
    if (id !== this.#last) return undefined;
    this.#hit = undefined;
    this.#found = "problem" in matched || "problem" in found
      ? undefined
      : { model, text, matches: matched.matches, result: found };
    return found;
  }

  /** Searches `model` for what the address has, and says what was found. */
  async tell({ found: say, store }: App, model: FlameModel, graph: Searchable): Promise<void> {
    const drawn = this.matches(model);
    const found = await this.find(model, store.state.search);
    if (!found || !graph.isShown()) return;
    if ("problem" in found) say({ hits: 0, share: "", problem: found.problem });
    else {
      say({ hits: found.count, share: graph.share(found.width) }, {
        prepare: () => this.prepare(model),
        walk: graph.walk,
      });
    }
    // Drawing makes the browser lay the page out.
    if (this.matches(model) !== drawn) graph.draw();
  }

  /** Returns the next box of `model` that matches, the widest first, or the one before; `undefined` for none. */
  step(model: FlameModel, by: 1 | -1): number | undefined {
    const boxes = this.#in(model)?.result.boxes ?? [];
    if (boxes.length === 0) return undefined;
    const from = this.#hit ?? (by === 1 ? -1 : 0);
    this.#hit = (from + by + boxes.length) % boxes.length;
    return boxes[this.#hit];
  }

  /** Who types on while the files are on their way does not ask for them again. */
  #filesOf(model: FlameModel): Promise<readonly string[]> {
    if (this.#files?.model !== model) {
      const asked = this.#files = { model, files: this.#ask(model) };
      asked.files.catch(() => {
        if (this.#files === asked) this.#files = undefined;
      });
    }
    return this.#files.files;
  }

  /** Returns what was found in `model`: rows and boxes of another have other numbers. */
  #in(model: FlameModel): Found | undefined {
    return this.#found?.model === model ? this.#found : undefined;
  }
}
