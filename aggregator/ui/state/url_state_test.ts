// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatState, INITIAL, kindOf, parseState, type State, VIEWS } from "./url_state.ts";

const HEAP = "memory:inuse_space:bytes:space:bytes";
const text = fc.string({ maxLength: 40 });
const states: fc.Arbitrary<State> = fc.record({
  view: fc.constantFrom(...VIEWS),
  from: text,
  to: text,
  match: text,
  group: text,
  search: text,
  mode: fc.constantFrom("flame", "table", "sandwich", "split"),
  up: fc.boolean(),
  inverted: fc.boolean(),
  steps: fc.array(text, { maxLength: 5 }),
  zoom: text,
  fn: text,
  heat: fc.boolean(),
  idle: fc.boolean(),
  held: fc.boolean(),
  live: fc.boolean(),
  kind: fc.constantFrom("cpu", "lock", "syscall", HEAP),
  base: text,
  norm: fc.constantFrom("share", "core", "second"),
  side: fc.constantFrom("overlay", "side", "table"),
  pick: text,
  color: fc.constantFrom("kind", "module"),
  faded: fc.array(text, { maxLength: 3 }),
  sort: fc.array(text, { maxLength: 3 }),
});

Deno.test("parseState() reads what formatState() writes", () => {
  fc.assert(fc.property(states, (state) => {
    const written = formatState(state);
    // What cannot stand in an address is written as U+FFFD.
    assertEquals(formatState(parseState(written)), written);
  }));
  const state: State = {
    ...INITIAL,
    view: "cpu",
    match: 'node="a, b",comm!="c"',
    steps: ["hide:f<a, b>", "fold:x"],
  };
  assertEquals(parseState(formatState(state)), state);
});

Deno.test("formatState() writes only what is not as at first, so that it can be read", () => {
  assertEquals(formatState(INITIAL), "");
  assertEquals(
    formatState({ ...INITIAL, view: "cpu", group: "exe,pid", heat: true }),
    "?view=cpu&group=exe,pid&heat=1",
  );
});

Deno.test("parseState() leaves out what it does not understand", () => {
  assertEquals(parseState("?kind=memory:inuse_space:bytes:space"), INITIAL);
  assertEquals(parseState(`?view=nosuch&kind=x&mode=&what=1&match=${"x".repeat(9000)}`), INITIAL);
});

Deno.test("kindOf() is the view's, and the state's where the view has none", () => {
  assertEquals(VIEWS.map((view) => kindOf({ ...INITIAL, view, kind: "lock" })), [
    "lock",
    "cpu",
    "lock",
    "syscall",
    "lock",
    "lock",
    "lock",
    "lock",
  ]);
});

Deno.test("kindOf() has a type of profile where it is looked at or compared, and CPU time elsewhere", () => {
  const views = ["overview", "cpu", "profiles", "compare", "data"] as const;
  assertEquals(views.map((view) => kindOf({ ...INITIAL, view, kind: HEAP })), [
    "cpu",
    "cpu",
    HEAP,
    HEAP,
    "cpu",
  ]);
  assertEquals(formatState({ ...INITIAL, view: "profiles", kind: HEAP }), `?view=profiles&kind=${HEAP}`);
  assertEquals(parseState(`?view=profiles&kind=${HEAP}`).kind, HEAP);
});
