// SPDX-License-Identifier: Apache-2.0
/**
 * Is the course of alerts: pending, firing, resolved. Nothing here asks or tells anyone.
 *
 * @module
 */

import type { Verdict } from "./estimate.ts";
import type { Rule } from "./rule.ts";

/** Is an alert after an evaluation; `resolved` had fired, `ended` had not. */
export type AlertState = "pending" | "firing" | "resolved" | "ended";

/** Is one group of a rule whose condition holds, or has held. Times are in Unix ms. */
export interface Course {
  readonly state: AlertState;
  /** Says when the condition began to hold, and when it had held long enough; 0 before. */
  readonly startedMs: number;
  readonly firedMs: number;
  /** Says when it was known last whether the condition holds. */
  readonly seenMs: number;
  /** Says since when it does not hold; 0 while it does. */
  readonly clearedMs: number;
}

/** Who has not been told for so long whether the condition holds does not know. */
export const STALE_MS = 5 * 60_000;

export interface Step {
  /** Is `undefined` where there is no alert. */
  readonly course: Course | undefined;
  /** Its state is another one than before. */
  readonly changed: boolean;
}

const NONE: Step = { course: undefined, changed: false };

/**
 * Returns the course of an alert after its condition was judged at `now` (Unix ms).
 *
 * @param before its course after the evaluation before, which did not end in it
 */
export function step(
  before: Course | undefined,
  verdict: Verdict,
  { rule, now }: { rule: Pick<Rule, "for" | "keep">; now: number },
): Step {
  const held = before && now - before.seenMs > STALE_MS ? outOfSight(before) : before;
  if (verdict === "over") return holds(held, { rule, now, before });
  if (!held) return before ? ended(before, now) : NONE;
  if (verdict === "unknown") {
    return before && now - before.seenMs > STALE_MS ? ended(before, now) : kept(held);
  }
  return clear(held, { rule, now });
}

/** Nobody saw a pending condition hold meanwhile; one that fires is still the same. */
function outOfSight(before: Course): Course | undefined {
  return before.state === "firing" ? before : undefined;
}

function kept(course: Course): Step {
  return { course, changed: false };
}

function holds(
  held: Course | undefined,
  { rule, now, before }: { rule: Pick<Rule, "for">; now: number; before: Course | undefined },
): Step {
  if (held?.state === "firing") return kept({ ...held, seenMs: now, clearedMs: 0 });
  const startedMs = held?.startedMs ?? now;
  const fires = now - startedMs >= rule.for;
  const course: Course = {
    state: fires ? "firing" : "pending",
    startedMs,
    firedMs: fires ? now : 0,
    seenMs: now,
    clearedMs: 0,
  };
  return { course, changed: fires || before === undefined || held === undefined };
}

function clear(held: Course, { rule, now }: { rule: Pick<Rule, "keep">; now: number }): Step {
  const clearedMs = held.clearedMs || now;
  if (held.state === "firing" && now - clearedMs < rule.keep) {
    return kept({ ...held, seenMs: now, clearedMs });
  }
  return ended({ ...held, clearedMs }, now);
}

/** Ends an alert: its rule is gone, or nobody can say any more. */
export function ended(before: Course, now: number): Step {
  const state = before.state === "firing" ? "resolved" : "ended";
  return { course: { ...before, state, seenMs: now, clearedMs: before.clearedMs || now }, changed: true };
}
