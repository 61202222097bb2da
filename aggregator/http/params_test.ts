// SPDX-License-Identifier: Apache-2.0
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

Deno.test("readSelection() reads a selector", () => {
  const match = encodeURIComponent('{node=~"a|b", comm!="y"}');
  assertEquals(selection(`match=${match}`).selection.matchers, [
    { label: "node", operator: "=~", value: "a|b" },
    { label: "comm", operator: "!=", value: "y" },
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
      `Cannot parse parameter 'kind' as it is not one of cpu, lock, syscall, or a type of profile like memory:inuse_space:bytes:space:bytes: current value is "gpu"`,
    "from=soon":
      `Cannot parse parameter 'from' as it is not a time like now, -15m, 2026-01-31T12:00:00Z or Unix seconds: current value is "soon"`,
    "from=now&to=-1h": "Cannot select as 'from' is not before 'to'",
    "limit=0": `Cannot parse parameter 'limit' as it is not a number from 1 to 100: current value is "0"`,
    "limit=101": `Cannot parse parameter 'limit' as it is not a number from 1 to 100: current value is "101"`,
    "limit=1&limit=2": "Cannot take parameter 'limit' more than once",
    "nod=a": "Unknown parameter 'nod'",
    'match={job="a"}':
      `Cannot take 'match': Cannot read the selector at character 5: 'job' is not one of node, namespace, pod, container, service, process, exe, comm, pid, label_NAME: current text is "="a"}"`,
  };
  for (const [query, message] of Object.entries(cases)) {
    assertEquals(assertThrows(() => selection(query), HttpError).message, message);
  }
});

Deno.test("readParams() leaves out what has no default and was not given", () => {
  const url = new URL("http://aggregator.test/");
  assertEquals(readParams(url, { label: labelParam, limit: limitParam(5, 9) }), { limit: 5 } as never);
});
