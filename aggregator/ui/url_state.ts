/**
 * What the page shows, as the address bar keeps it.
 *
 * @module
 */

import { type Kind, KINDS } from "../../profile/model.ts";

export interface State {
  readonly kind: Kind;
  /** As the API takes it: `-15m`, or a time in RFC 3339. */
  readonly from: string;
  readonly to: string;
  /** "" is all. */
  readonly node: string;
  readonly comm: string;
  readonly search: string;
  /** Whether `search` is a regular expression. */
  readonly regex: boolean;
  /** The path hash of the box that is zoomed to, "" for the whole. */
  readonly zoom: string;
  /** Ask again every few seconds. */
  readonly live: boolean;
}

export const INITIAL: State = {
  kind: "cpu",
  from: "-15m",
  to: "now",
  node: "",
  comm: "",
  search: "",
  regex: false,
  zoom: "",
  live: false,
};

/** Reads a query string; what is missing or not understood is as in {@linkcode INITIAL}. */
export function parseState(search: string): State {
  const params = new URLSearchParams(search);
  const text = (name: "from" | "to" | "node" | "comm" | "search" | "zoom") =>
    params.get(name) ?? INITIAL[name];
  return {
    kind: KINDS.find((kind) => kind === params.get("kind")) ?? INITIAL.kind,
    from: text("from") || INITIAL.from,
    to: text("to") || INITIAL.to,
    node: text("node"),
    comm: text("comm"),
    search: text("search"),
    regex: params.get("regex") === "1",
    zoom: text("zoom"),
    live: params.get("live") === "1",
  };
}

/** Writes the query string of `state`: "" or `?…`, with only what is not as in {@linkcode INITIAL}. */
export function formatState(state: State): string {
  const params = new URLSearchParams();
  for (const key of Object.keys(INITIAL) as (keyof State)[]) {
    const value = state[key];
    if (value !== INITIAL[key]) params.set(key, value === true ? "1" : String(value));
  }
  const query = params.toString();
  return query && "?" + query;
}

/** The query string that asks the API for what `state` selects; `without` names labels to leave out. */
export function selectionQuery(state: State, ...without: ("node" | "comm")[]): string {
  const params = new URLSearchParams({ kind: state.kind, from: state.from, to: state.to });
  for (const label of ["node", "comm"] as const) {
    if (state[label] && !without.includes(label)) params.append(label, state[label]);
  }
  return params.toString();
}

/** Whether two states select the same samples. */
export function sameSelection(a: State, b: State): boolean {
  return selectionQuery(a) === selectionQuery(b);
}
