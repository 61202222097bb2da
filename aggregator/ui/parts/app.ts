// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is what all parts of the page share.
 *
 * @module
 */

import type { Theme } from "../flame/colors.ts";
import type { AboutJson, AnswerJson } from "../../http/answers.ts";
import type { Api } from "../state/api.ts";
import type { Zone } from "../state/range.ts";
import type { Shown, Store } from "../state/store.ts";
import type { Panel } from "./panel.ts";

/** Is what a search found in the graph that is shown. */
export interface Found {
  readonly hits: number;
  /** Is the share of the selection that goes through what was found; not of what is zoomed to. */
  readonly share: string;
  readonly problem?: string;
}

/** Is the graph that is searched. */
export interface SearchedGraph {
  /** Makes ready what the first search needs. */
  prepare(): void;
  /** Goes to the next hit, or the one before. */
  walk(by: 1 | -1): void;
}

export interface App {
  readonly store: Store;
  readonly api: Api;
  readonly panel: Panel;
  readonly about: () => AboutJson | undefined;
  readonly theme: () => Theme;
  readonly zone: () => Zone;
  /** Shows what a search found in `graph`; `undefined` where there is none. */
  readonly found: (found: Found | undefined, graph?: SearchedGraph) => void;
  /** Shows what an answer says of itself: how much it is about, and how far it can be trusted. */
  readonly note: (answer: AnswerJson, words: string, counted: number) => void;
  /** Says something for a moment. */
  readonly say: (text: string) => void;
}

/** Is one of the page's views. */
export interface View {
  readonly root: HTMLElement;
  update(shown: Shown): void;
  /** Takes a key that the page has no use for. @returns whether the view has */
  press?(key: string): boolean;
  /** Stops what is under way, as another view is shown. */
  leave?(): void;
}
