/// <reference lib="dom" />
/**
 * Asks the aggregator for what the page shows.
 *
 * @module
 */

import type { FlameGraph } from "../../profile/flame.ts";
import { type Kind, KINDS, type Total } from "../../profile/model.ts";
import { selectionQuery, type State, waitsQuery } from "./url_state.ts";

export interface FlameAnswer {
  readonly selection: { readonly from: string; readonly to: string };
  readonly total: Total;
  readonly graph: FlameGraph;
}

export interface LabelValue {
  readonly value: string;
  readonly total: Total;
}

/** The code that waited longest for locks, and who held them. */
export interface LocksAnswer {
  readonly sites: readonly {
    readonly function: string;
    readonly module: string;
    readonly class: string;
    readonly type: string;
    /** Leaf first. */
    readonly stack: readonly string[];
    readonly total: Total;
    readonly max: number;
    readonly timeouts: number;
    readonly interrupted: number;
    readonly holders: readonly {
      readonly function: string;
      readonly module: string;
      readonly total: Total;
    }[];
  }[];
  readonly total: Total;
}

/** System calls; times in ns. */
export interface SyscallsAnswer {
  readonly rows: readonly {
    readonly call: string;
    readonly category: string;
    readonly total: Total;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
    readonly failed: number;
    readonly errors: Readonly<Record<string, number>>;
    /** Calls a second. */
    readonly rate: number;
  }[];
  readonly total: Total;
}

/** The token is missing or was changed: the page must be loaded again to ask for it. */
export class UnauthorizedError extends Error {
  override name = "UnauthorizedError";
}

/** Returns the selection's flame graph. */
export function fetchFlame(state: State, signal: AbortSignal): Promise<FlameAnswer> {
  return get(`/api/flamegraph?${selectionQuery(state)}`, signal);
}

/** Returns the selection's waits for locks. */
export function fetchLocks(state: State, signal: AbortSignal): Promise<LocksAnswer> {
  return get(`/api/locks?${waitsQuery(state)}`, signal);
}

/** Returns the selection's system calls. */
export function fetchSyscalls(state: State, signal: AbortSignal): Promise<SyscallsAnswer> {
  return get(`/api/syscalls?${waitsQuery(state)}`, signal);
}

/** Returns the values of `label` that can be chosen: the label's own choice does not narrow them. */
export async function fetchValues(
  label: "node" | "comm",
  state: State,
  signal: AbortSignal,
): Promise<readonly LabelValue[]> {
  const query = selectionQuery(state, label);
  const { values } = await get<{ values: LabelValue[] }>(
    `/api/labels?label=${label}&limit=500&${query}`,
    signal,
  );
  return values;
}

/** Returns the kinds that have data in the selection's time. */
export async function fetchKinds(state: State, signal: AbortSignal): Promise<Kind[]> {
  const found = await Promise.all(KINDS.map(async (kind) => {
    const query = selectionQuery({ ...state, kind, idle: true }, "node", "comm");
    const { values } = await get<{ values: LabelValue[] }>(`/api/labels?label=node&limit=1&${query}`, signal);
    return values.length > 0 ? [kind] : [];
  }));
  return found.flat();
}

async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new Error("The aggregator does not answer: is it running?", { cause });
  }
  if (response.status === 401) throw new UnauthorizedError("The token is missing or was changed");
  if (response.ok) return await response.json();
  const body: { error?: { message?: string } } = await response.json().catch(() => ({}));
  throw new Error(body.error?.message ?? `The aggregator answered ${response.status}`);
}
