// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what the page shows in the address bar: an address is a view that can be shared.
 *
 * @module
 */

import { type AnyKind, isAnyKind, isProfileType } from "../../../profile/profile_type.ts";

export const VIEWS = ["overview", "cpu", "locks", "calls", "profiles", "compare", "data", "alerts"] as const;
export type ViewName = (typeof VIEWS)[number];
export const MODES = ["flame", "table", "sandwich", "split"] as const;
export const SIDES = ["overlay", "side", "table"] as const;
const NORMS = ["share", "core", "second"] as const;

export interface State {
  readonly view: ViewName;
  /** Are as REST takes them: `-15m`, `now`, or a time in RFC 3339. */
  readonly from: string;
  readonly to: string;
  /** Is a selector without its braces: `node="a",comm!="b"`; "" is all. */
  readonly match: string;
  /** Names the labels that graphs begin with, and time lines are told apart by the first of. */
  readonly group: string;
  readonly search: string;
  readonly mode: (typeof MODES)[number];
  /** Is true where the root is at the bottom. */
  readonly up: boolean;
  /** Is true where leaves are at the root. */
  readonly inverted: boolean;
  /** Lists what was done to the graph: `hide:NAME`, `only:mine`, … */
  readonly steps: readonly string[];
  /** Is the path hash of the box that is zoomed to, "" for the whole. */
  readonly zoom: string;
  /** Is the function that is looked at, with its module behind a tab; "" for none. */
  readonly fn: string;
  /** Shows the time line as rows of colours. */
  readonly heat: boolean;
  /** Includes what threads wait for that have nothing to do. */
  readonly idle: boolean;
  /** Shows the stacks of those who held locks, in place of those who waited. */
  readonly held: boolean;
  readonly live: boolean;
  /** Is the kind that is compared, that the overview's time line has, or the type of profile that is looked at. */
  readonly kind: AnyKind;
  /** Is what is compared with: `previous`, an age, `FROM/TO`, or a selector in braces. */
  readonly base: string;
  readonly norm: (typeof NORMS)[number];
  readonly side: (typeof SIDES)[number];
  /** Is the lock or the call that is opened. */
  readonly pick: string;
  readonly color: "kind" | "module";
  /** Lists the kinds of code whose colour is taken away. */
  readonly faded: readonly string[];
  /** Lists for tables that are sorted otherwise than at first `TABLE:COLUMN`, with a `-` where the order is turned. */
  readonly sort: readonly string[];
}

export const INITIAL: State = {
  view: "overview",
  from: "-15m",
  to: "now",
  match: "",
  group: "process,comm",
  search: "",
  mode: "flame",
  up: false,
  inverted: false,
  steps: [],
  zoom: "",
  fn: "",
  heat: false,
  idle: false,
  held: false,
  live: false,
  kind: "cpu",
  base: "previous",
  norm: "share",
  side: "overlay",
  pick: "",
  color: "kind",
  faded: [],
  sort: [],
};

/** These have one of a few values. */
const CHOICES: { readonly [K in keyof State]?: readonly string[] } = {
  view: VIEWS,
  mode: MODES,
  norm: NORMS,
  side: SIDES,
  color: ["kind", "module"],
};
/** Longer texts come from no page. */
const MAX_TEXT = 8192;
const MAX_STEPS = 32;

/** Reads a query string; what is missing or not understood is as in {@linkcode INITIAL}. */
export function parseState(query: string): State {
  const params = new URLSearchParams(query);
  const state: Record<string, unknown> = { ...INITIAL };
  for (const [key, initial] of Object.entries(INITIAL)) {
    const given = params.get(key);
    if (given === null || given.length > MAX_TEXT) continue;
    const choices = CHOICES[key as keyof State];
    if (Array.isArray(initial)) state[key] = params.getAll(key).slice(0, MAX_STEPS);
    else if (typeof initial === "boolean") state[key] = given === "1";
    else if (choices ? choices.includes(given) : key !== "kind" || isAnyKind(given)) state[key] = given;
  }
  return state as unknown as State;
}

/** Writes the query string of `state`: "" or `?…`, with only what is not as in {@linkcode INITIAL}. */
export function formatState(state: State): string {
  const params = new URLSearchParams();
  for (const key of Object.keys(INITIAL) as (keyof State)[]) {
    const value = state[key];
    if (Array.isArray(value)) { for (const step of value) params.append(key, step); }
    else if (value !== INITIAL[key]) params.set(key, value === true ? "1" : String(value));
  }
  // These are read by people, and may stand in a query as they are.
  const query = params.toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2F", "/");
  return query && "?" + query;
}

/** Returns the kind of samples that a view is about. Types of profiles are in two views alone, which remember them. */
export function kindOf({ view, kind }: State): AnyKind {
  if (view === "cpu") return "cpu";
  if (view === "locks") return "lock";
  if (view === "calls") return "syscall";
  return isProfileType(kind) && view !== "profiles" && view !== "compare" ? "cpu" : kind;
}

/** Returns whether the view is of types of profiles, and none has been chosen yet. */
export function isWithoutType({ view, kind }: State): boolean {
  return view === "profiles" && !isProfileType(kind);
}
