// SPDX-License-Identifier: Apache-2.0
/**
 * Asks storage for what the field's protocols select: by types, selectors and Unix ms.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { MatcherError } from "../../query/matchers.ts";
import type { FieldQueries, Queries } from "../../query/types.ts";
import type { KindsAnswer, SeriesLabelsAnswer } from "../../query/series_answers.ts";
import { QuestionError, type Selection, type StackChoice } from "../../query/asked.ts";
import { ConnectError } from "../connect/error.ts";
import { addGraph, type CallNode, emptyNode } from "./call_tree.ts";
import { type Chosen, readSelectors } from "./conditions.ts";
import { findType, type ProfileType, typesOf } from "./profile_types.ts";

/** Is what answers are made of. */
export interface Source {
  readonly queries: FieldQueries & Pick<Queries, "tree" | "store" | "batches" | "kinds">;
  /** Writes what is staged, so that who asks of now sees what was pushed before; without it the last second is missing. */
  readonly settle?: (() => Promise<void>) | undefined;
  /** Tells the time in Unix ms. */
  readonly now: () => number;
}

/** Menus that are asked again so soon are those of before: many parts of one page ask for the same. */
const MENU_MS = 5000;
/** Menus that are kept have so many rows together. */
const MENU_ROWS = 500_000;

/** Makes the source of the field's protocols. */
export function createSource(
  { queries, settle, now = Date.now }: {
    readonly queries: Queries;
    readonly settle?: () => Promise<void>;
    readonly now?: () => number;
  },
): Source {
  const menus = new LRUCache<string, SeriesLabelsAnswer>({
    maxSize: MENU_ROWS,
    sizeCalculation: ({ rows }) => rows.length + 1,
    ttl: MENU_MS,
    ttlResolution: 0,
  });
  const kinds = new LRUCache<string, KindsAnswer>({ max: 100, ttl: MENU_MS, ttlResolution: 0 });
  return {
    queries: {
      tree: (selection, options) => queries.tree(selection, options),
      points: (selection, options) => queries.points(selection, options),
      taggedStacks: (selection, options) => queries.taggedStacks(selection, options),
      store: (options) => queries.store(options),
      batches: (options) => queries.batches(options),
      async kinds(selection, options) {
        const key = JSON.stringify(selection);
        const known = kinds.get(key);
        if (known) return known;
        const answer = await queries.kinds(selection, options);
        kinds.set(key, answer);
        return answer;
      },
      async seriesLabels(selections, options = {}) {
        const { signal: _, ...rest } = options;
        const key = JSON.stringify([selections, rest]);
        const known = menus.get(key);
        if (known) return known;
        const answer = await queries.seriesLabels(selections, options);
        menus.set(key, answer);
        return answer;
      },
    },
    settle,
    now,
  };
}

/** Is a range of time in Unix ms. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const BUCKET_MS = 10_000;
/** What ended so long ago is in storage, if it is anywhere. */
const STAGED_MS = 60_000;

/**
 * Reads the times of a request.
 *
 * @param byDefault is taken where there are none; without it they must be there
 * @throws {ConnectError} `invalid_argument`
 */
export function spanOf(start: bigint, end: bigint, byDefault?: Span): Span {
  if (start === 0n && end === 0n) {
    if (byDefault) return byDefault;
    throw new ConnectError("invalid_argument", "Cannot select without a time: 'start' and 'end' are 0");
  }
  if (start > end) {
    throw new ConnectError(
      "invalid_argument",
      `Cannot select as 'start' is after 'end': current values are ${start} and ${end}`,
    );
  }
  return { from: Number(start), to: Number(end) };
}

/** Returns the whole buckets that overlap `span`. */
export function buckets({ from, to }: Span): Span {
  const first = Math.floor(from / BUCKET_MS) * BUCKET_MS;
  return { from: first, to: Math.max(Math.ceil(to / BUCKET_MS) * BUCKET_MS, first + BUCKET_MS) };
}

/** Waits until what was pushed before is in storage, where `to` is not long ago. */
export async function settled({ settle, now }: Source, to: number): Promise<void> {
  if (settle && to > now() - STAGED_MS) await settle();
}

/**
 * Reads a type and a selector; `undefined` where nothing can be chosen.
 *
 * @throws {ConnectError} `invalid_argument`
 */
export function selectionOf(
  typeId: string,
  selector: string,
  span: Span,
): { readonly selection: Selection; readonly type: ProfileType } | undefined {
  const type = findType(typeId);
  const { takes, matchers } = readSelectors([selector]);
  if (!type || !takes(type)) return undefined;
  return { selection: { ...type.of, ...buckets(span), matchers }, type };
}

/** Returns one selection for each of ours that types show which are chosen and may be there, and the types of each. */
export async function selectionsOf(
  { queries }: Source,
  { takes, matchers }: Chosen,
  { span, signal }: { span: Span; signal: AbortSignal },
): Promise<{ readonly selections: Selection[]; readonly types: (readonly ProfileType[])[] }> {
  const range = buckets(span);
  const { kinds } = await queries.kinds({ ...range, matchers: [] }, { signal });
  const types = typesOf(kinds.map(({ kind }) => kind)).filter(takes);
  const groups = [...Map.groupBy(types, ({ of }) => of).entries()];
  return {
    selections: groups.map(([of]) => ({ ...of, ...range, matchers })),
    types: groups.map(([, types]) => types),
  };
}

/** Asks for the tree of a selection, without threads' names. */
export async function callTree(
  { queries }: Source,
  { selection, type }: { readonly selection: Selection; readonly type: ProfileType },
  { maxNodes, choice, signal }: { maxNodes: number; choice?: StackChoice | undefined; signal: AbortSignal },
  { root, side = 0 }: { root?: CallNode; side?: number } = {},
): Promise<CallNode> {
  const { graph } = await queries.tree(selection, {
    value: type.value,
    maxNodes,
    firstLevels: [],
    ...(choice && { choice }),
    signal,
  });
  const tree = root ?? emptyNode(1);
  addGraph(tree, graph, side);
  return tree;
}

/** Runs `ask`, and tells of what is wrong with the question. */
export async function explained<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (!(cause instanceof QuestionError || cause instanceof MatcherError)) throw cause;
    throw new ConnectError("invalid_argument", cause.message, { cause });
  }
}
