// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Verdict } from "./estimate.ts";
import { type Course, ended, STALE_MS, type Step, step } from "./state.ts";

interface Seen {
  readonly now: number;
  readonly verdict: Verdict;
}

const rules = fc.record({ for: fc.constantFrom(0, 30_000, 120_000), keep: fc.constantFrom(0, 60_000) });
const histories = fc.array(
  fc.record({
    pause: fc.constantFrom(10_000, 30_000, 30_000, 60_000, STALE_MS + 1),
    verdict: fc.constantFrom<Verdict>("over", "over", "over", "under", "unknown"),
  }),
  { maxLength: 60 },
).map((entries) => {
  let now = 1_700_000_000_000;
  return entries.map(({ pause, verdict }): Seen => ({ now: now += pause, verdict }));
});

type Rule = { readonly for: number; readonly keep: number };

/** Runs a history; what ended is not there any more in the evaluation after. */
function run(rule: Rule, history: readonly Seen[]): Step[] {
  let course: Course | undefined;
  return history.map(({ now, verdict }) => {
    const result = step(course, verdict, { rule, now });
    course = isLive(result.course) ? result.course : undefined;
    return result;
  });
}

function isLive(course: Course | undefined): course is Course {
  return course?.state === "pending" || course?.state === "firing";
}

/** Is written the other way round: looks back from a moment, rather than on from a state. */
function heldSince(history: readonly Seen[], at: number): number | undefined {
  let since: number | undefined;
  let known = history[at]!.now;
  for (let i = at; i >= 0; i--) {
    const { now, verdict } = history[i]!;
    if (verdict === "under" || known - now > STALE_MS) break;
    if (verdict === "over") [since, known] = [now, now];
  }
  return since;
}

Deno.test("step() fires only once the condition has held for long enough, and has been seen to", () => {
  fc.assert(fc.property(rules, histories, (rule, history) => {
    run(rule, history).forEach(({ course, changed }, i) => {
      if (course?.state !== "firing" || !changed) return;
      assertEquals(history[i]!.verdict, "over");
      const since = heldSince(history, i)!;
      assert(history[i]!.now - since >= rule.for);
      assertEquals(course.startedMs, since);
      assertEquals(course.firedMs, history[i]!.now);
    });
  }));
});

Deno.test("step() fires as soon as the condition has held for long enough", () => {
  fc.assert(fc.property(rules, histories, (rule, history) => {
    run(rule, history).forEach(({ course }, i) => {
      const since = history[i]!.verdict === "over" ? heldSince(history, i) : undefined;
      if (since !== undefined && history[i]!.now - since >= rule.for) assertEquals(course?.state, "firing");
    });
  }));
});

Deno.test("step() says each change once, and in its order", () => {
  const after: Record<string, readonly string[]> = {
    none: ["pending", "firing"],
    pending: ["firing", "ended", "pending"],
    firing: ["resolved"],
    resolved: ["pending", "firing"],
    ended: ["pending", "firing"],
  };
  fc.assert(fc.property(rules, histories, (rule, history) => {
    let last = "none";
    let before: string | undefined;
    for (const { course, changed } of run(rule, history)) {
      if (changed) {
        assert(after[last]!.includes(course!.state), `${last} to ${course!.state}`);
        last = course!.state;
      } else {
        assertEquals(course?.state, before);
      }
      before = isLive(course) ? course.state : undefined;
    }
  }));
});

Deno.test("step() resolves after the condition has not held for as long as it is kept, and no sooner", () => {
  fc.assert(fc.property(rules, histories, (rule, history) => {
    run(rule, history).forEach(({ course }, i) => {
      if (course?.state !== "resolved" || history[i]!.verdict !== "under") return;
      assert(history[i]!.now - course.clearedMs >= rule.keep);
      assertEquals(history.find(({ now }) => now === course.clearedMs)?.verdict, "under");
    });
  }));
});

Deno.test("step() keeps what nobody can judge for a while, and then ends it", () => {
  const now = 1_700_000_000_000;
  const rule = { for: 0, keep: 0 };
  const { course } = step(undefined, "over", { rule, now });
  assertEquals(course?.state, "firing");
  assertEquals(step(course, "unknown", { rule, now: now + STALE_MS }), { course, changed: false });
  assertEquals(step(course, "unknown", { rule, now: now + STALE_MS + 1 }).course?.state, "resolved");
  // An aggregator that was down for an hour finds it as it was.
  assertEquals(step(course, "over", { rule, now: now + 3_600_000 }), {
    course: { ...course!, seenMs: now + 3_600_000 },
    changed: false,
  });
});

Deno.test("step() does not fire for what began before an hour that nobody saw", () => {
  const now = 1_700_000_000_000;
  const rule = { for: 60_000, keep: 0 };
  const { course } = step(undefined, "over", { rule, now });
  const later = step(course, "over", { rule, now: now + 3_600_000 });
  assertEquals([later.course?.state, later.course?.startedMs, later.changed], [
    "pending",
    now + 3_600_000,
    true,
  ]);
});

Deno.test("ended() resolves what fired, and ends what did not", () => {
  const course = { state: "firing", startedMs: 1, firedMs: 2, seenMs: 3, clearedMs: 0 } as const;
  assertEquals(ended(course, 9).course, { ...course, state: "resolved", seenMs: 9, clearedMs: 9 });
  assertEquals(ended({ ...course, state: "pending" }, 9).course?.state, "ended");
});
