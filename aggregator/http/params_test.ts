import { assertEquals, assertThrows } from "@std/assert";
import { HttpError } from "./errors.ts";
import { labelParam, limitParam, readParams, readSelection, readSelectionOf } from "./params.ts";

const NOW = Date.parse("2026-01-31T12:00:00Z");

function selection(query: string) {
  return readSelection(new URL(`http://aggregator.test/?${query}`), { limit: limitParam(10, 100) }, NOW);
}

Deno.test("readSelection() selects the CPU of the last 15 minutes when nothing is said", () => {
  assertEquals(selection(""), {
    selection: { kind: "cpu", from: NOW - 900_000, to: NOW, matchers: [], idle: false },
    params: { limit: 10 },
  });
});

Deno.test("readSelection() reads a label's values as any of them, and not.label as none of them", () => {
  assertEquals(selection("node=a&comm=x&node=b&not.comm=y&not.comm=").selection.matchers, [
    { label: "node", values: ["a", "b"], negate: false },
    { label: "comm", values: ["x"], negate: false },
    { label: "comm", values: ["y", ""], negate: true },
  ]);
});

Deno.test("readSelection() takes idle, and readSelectionOf() no kind", () => {
  assertEquals(selection("kind=lock&idle=true").selection.idle, true);
  const of = (query: string) => readSelectionOf("lock", new URL(`http://aggregator.test/?${query}`), {}, NOW);
  assertEquals(of("idle=1").selection, {
    ...{ kind: "lock", from: NOW - 900_000, to: NOW, matchers: [] },
    idle: true,
  });
  assertEquals(assertThrows(() => of("kind=lock"), HttpError).message, "Unknown parameter 'kind'");
});

Deno.test("readSelection() names the parameter that it cannot take", () => {
  const cases = {
    "kind=gpu":
      `Cannot parse parameter 'kind' as it is not one of cpu, lock, syscall: current value is "gpu"`,
    "from=soon":
      `Cannot parse parameter 'from' as it is not a time like now, -15m, 2026-01-31T12:00:00Z or Unix seconds: current value is "soon"`,
    "from=now&to=-1h": "Cannot select as 'from' is not before 'to'",
    "limit=0": `Cannot parse parameter 'limit' as it is not a number from 1 to 100: current value is "0"`,
    "limit=101": `Cannot parse parameter 'limit' as it is not a number from 1 to 100: current value is "101"`,
    "limit=1&limit=2": "Cannot take parameter 'limit' more than once",
    "nod=a": "Unknown parameter 'nod'",
    "not.kind=cpu": "Unknown parameter 'not.kind'",
  };
  for (const [query, message] of Object.entries(cases)) {
    assertEquals(assertThrows(() => selection(query), HttpError).message, message);
  }
  const many = Array.from({ length: 201 }, (_, i) => `pid=${i}`).join("&");
  assertThrows(() => selection(many), HttpError, "more than 200 values");
});

Deno.test("readParams() leaves out what has no default and was not given", () => {
  const url = new URL("http://aggregator.test/");
  assertEquals(readParams(url, { label: labelParam, limit: limitParam(5, 9) }), { limit: 5 } as never);
});
