// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Asks the aggregator for what the page shows.
 *
 * @module
 */

import type { AnyKind } from "../../../profile/profile_type.ts";
import { isoTime, type TimeWindow } from "./range.ts";

/** The token is missing or was changed: the page must be loaded again to ask for it. */
export class UnauthorizedError extends Error {
  override name = "UnauthorizedError";
}

/** The aggregator cannot be reached. */
export class UnreachableError extends Error {
  override name = "UnreachableError";
}

/** Is an answer that says what is wrong; `code` is REST's name for it. */
export class AnswerError extends Error {
  override name = "AnswerError";
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** Answers are kept for a while, so that one who goes back sees the same at once. In ms. */
const KEPT_MS = 60_000;

/** Asks by GET and POST, and tells whether the aggregator answers. */
export class Api {
  readonly #kept = new Map<string, { readonly answer: unknown; readonly until: number }>();
  readonly #reached: (error?: Error) => void;

  /** @param reached is told after each question whether there was an answer */
  constructor(reached: (error?: Error) => void) {
    this.#reached = reached;
  }

  /** Forgets what was answered. */
  forget(): void {
    this.#kept.clear();
  }

  /** @throws {UnauthorizedError | UnreachableError | AnswerError} */
  get<T>(path: string, params: URLSearchParams, signal: AbortSignal): Promise<T> {
    return this.#ask<T>(`${path}?${params}`, "", { signal });
  }

  /** @throws {UnauthorizedError | UnreachableError | AnswerError} */
  post<T>(path: string, body: unknown, signal: AbortSignal): Promise<T> {
    const text = JSON.stringify(body);
    const headers = { "content-type": "application/json" };
    return this.#ask<T>(path, text, { method: "POST", headers, body: text, signal });
  }

  async #ask<T>(path: string, body: string, init: RequestInit): Promise<T> {
    const key = `${path}\n${body}`;
    // They are large.
    for (const [key, { until }] of this.#kept) if (until <= Date.now()) this.#kept.delete(key);
    const kept = this.#kept.get(key);
    if (kept) return kept.answer as T;
    let response: Response;
    try {
      response = await fetch(path, init);
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      const error = new UnreachableError("The aggregator does not answer", { cause });
      this.#reached(error);
      throw error;
    }
    this.#reached();
    if (response.status === 401) throw new UnauthorizedError("The token is missing or was changed");
    if (!response.ok) {
      const { error = {} }: { error?: { message?: string; code?: string } } = await response.json()
        .catch(() => ({}));
      throw new AnswerError(
        error.message ?? `The aggregator answered ${response.status}`,
        error.code ?? "internal",
      );
    }
    const answer: T = await response.json();
    this.#kept.set(key, { answer, until: Date.now() + KEPT_MS });
    return answer;
  }
}

/** Is what is asked for: samples of a kind, in a time, that a selector lets pass. */
export interface Asked {
  readonly kind?: AnyKind;
  readonly window: TimeWindow;
  readonly match: string;
  readonly idle?: boolean;
  /** Takes the stacks of those who held locks, in place of those who waited. */
  readonly holders?: boolean;
}

/** Returns the parameters of a selection, and `more`, of which empty ones are left out. */
export function selectionParams(
  { kind, window, match, idle = false, holders = false }: Asked,
  more: Readonly<Record<string, string | number | boolean | undefined>> = {},
): URLSearchParams {
  const params = new URLSearchParams();
  if (kind !== undefined) params.set("kind", kind);
  params.set("from", isoTime(window.from));
  params.set("to", isoTime(window.to));
  // All of a CPU's time is work, and of what others measured nothing is known to be idle.
  if (idle && (kind === undefined || kind === "lock" || kind === "syscall")) params.set("idle", "true");
  if (holders) params.set("holders", "true");
  if (match !== "") params.set("match", `{${match}}`);
  for (const [name, value] of Object.entries(more)) {
    if (value !== undefined && value !== "" && value !== false) params.set(name, String(value));
  }
  return params;
}

/** Returns the selection as the body of a POST has it. */
export function selectionBody(
  { kind = "cpu", window, match, idle = false, holders = false }: Asked,
): Record<string, unknown> {
  const { from, to } = window;
  return {
    ...{ kind, from: isoTime(from), to: isoTime(to), idle, holders },
    ...(match !== "" && { match: `{${match}}` }),
  };
}
