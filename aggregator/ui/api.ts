// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Asks the aggregator for what the page shows.
 *
 * @module
 */

import { type Kind, KINDS } from "../../profile/model.ts";
import type { FlameJson, KindsJson, LabelValuesJson, LocksJson, SyscallsJson } from "../http/answers.ts";
import { selectionQuery, type State, waitsQuery } from "./url_state.ts";

/** The token is missing or was changed: the page must be loaded again to ask for it. */
export class UnauthorizedError extends Error {
  override name = "UnauthorizedError";
}

/** Returns the selection's flame graph. */
export function fetchFlame(state: State, signal: AbortSignal): Promise<FlameJson> {
  return get(`/api/flamegraph?${selectionQuery(state)}`, signal);
}

/** Returns the selection's waits for locks. */
export function fetchLocks(state: State, signal: AbortSignal): Promise<LocksJson> {
  return get(`/api/locks?${waitsQuery(state)}`, signal);
}

/** Returns the selection's system calls. */
export function fetchSyscalls(state: State, signal: AbortSignal): Promise<SyscallsJson> {
  return get(`/api/syscalls?${waitsQuery(state)}`, signal);
}

/** Returns the values of `label` that can be chosen: the label's own choice does not narrow them. */
export async function fetchValues(
  label: "node" | "comm",
  state: State,
  signal: AbortSignal,
): Promise<LabelValuesJson["values"]> {
  const query = selectionQuery(state, label);
  const { values } = await get<LabelValuesJson>(`/api/labels?label=${label}&limit=500&${query}`, signal);
  return values;
}

/** Returns the kinds that have data in the selection's time. */
export async function fetchKinds({ from, to }: State, signal: AbortSignal): Promise<Kind[]> {
  const { kinds } = await get<KindsJson>(`/api/kinds?${new URLSearchParams({ from, to })}`, signal);
  // What others measured has no place on the page yet: it is in REST.
  return kinds.map(({ kind }) => kind).filter((kind): kind is Kind =>
    (KINDS as readonly string[]).includes(kind)
  );
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
