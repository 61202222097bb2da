// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what the page shows in the address bar.
 *
 * @module
 */

import { type Kind, KINDS } from "../../profile/model.ts";

export interface State {
  readonly kind: Kind;
  /** Is as the API takes it: `-15m`, or a time in RFC 3339. */
  readonly from: string;
  readonly to: string;
  /** "" is all. */
  readonly node: string;
  readonly comm: string;
  readonly search: string;
  /** Is true where `search` is a regular expression. */
  readonly regex: boolean;
  /** Is the path hash of the box that is zoomed to, "" for the whole. */
  readonly zoom: string;
  /** Includes what threads wait for that have nothing to do. */
  readonly idle: boolean;
  /** Asks again every few seconds. */
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
  idle: false,
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
    idle: params.get("idle") === "1",
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

/** Returns the query string that asks the API for what `state` selects; `without` names labels to leave out. */
export function selectionQuery(state: State, ...without: ("node" | "comm")[]): string {
  return labelsQuery(new URLSearchParams({ kind: state.kind }), state, without);
}

/** Returns the query string as {@linkcode selectionQuery} does, for what has one kind alone. */
export function waitsQuery(state: State): string {
  return labelsQuery(new URLSearchParams(), state, []);
}

function labelsQuery(params: URLSearchParams, state: State, without: readonly ("node" | "comm")[]): string {
  params.set("from", state.from);
  params.set("to", state.to);
  // All of a CPU's time is work.
  if (state.idle && state.kind !== "cpu") params.set("idle", "true");
  const matchers = (["node", "comm"] as const)
    .filter((label) => state[label] && !without.includes(label))
    .map((label) => `${label}="${state[label].replaceAll(/[\\"]/g, "\\$&")}"`);
  if (matchers.length > 0) params.set("match", `{${matchers.join(",")}}`);
  return params.toString();
}

/** Returns whether two states select the same samples. */
export function sameSelection(a: State, b: State): boolean {
  return selectionQuery(a) === selectionQuery(b);
}
