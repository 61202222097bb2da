// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatState, INITIAL, parseState, sameSelection, selectionQuery, waitsQuery } from "./url_state.ts";

Deno.test("parseState() reads what formatState() writes", () => {
  const text = fc.string({ unit: "grapheme" });
  const states = fc.record({
    kind: fc.constantFrom("cpu" as const, "lock" as const, "syscall" as const),
    from: fc.constantFrom("-5m", "-15m", "2026-01-31T12:00:00Z"),
    to: fc.constantFrom("now", "2026-01-31T13:00:00Z"),
    node: text,
    comm: text,
    search: text,
    regex: fc.boolean(),
    zoom: fc.constantFrom("", "abc123"),
    idle: fc.boolean(),
    live: fc.boolean(),
  });
  fc.assert(fc.property(states, (state) => assertEquals(parseState(formatState(state)), state)));
});

Deno.test("formatState() is empty at the start, and parseState() survives junk", () => {
  assertEquals(formatState(INITIAL), "");
  assertEquals(parseState("?kind=gpu&from=&regex=yes&x=1&%ff"), INITIAL);
});

Deno.test("selectionQuery() has the labels that are chosen, but for those left out", () => {
  const state = { ...INITIAL, node: "a&b", comm: "x" };
  const match = (query: string) => new URLSearchParams(query).get("match");
  assertEquals(match(selectionQuery(state)), '{node="a&b",comm="x"}');
  assertEquals(match(selectionQuery(state, "node")), '{comm="x"}');
  assertEquals(match(selectionQuery({ ...state, comm: 'a"\\b' }, "node")), '{comm="a\\"\\\\b"}');
  assertEquals(sameSelection(state, { ...state, search: "y", zoom: "1" }), true);
  assertEquals(sameSelection(state, { ...state, comm: "" }), false);
  const waits = { ...INITIAL, kind: "lock", idle: true } as const;
  assertEquals(selectionQuery(waits), "kind=lock&from=-15m&to=now&idle=true");
  assertEquals(waitsQuery(waits), "from=-15m&to=now&idle=true");
  assertEquals(sameSelection({ ...INITIAL, idle: true }, INITIAL), true);
});
