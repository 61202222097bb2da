// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { footer, press, type View } from "./view.ts";

const START: View = { kind: "cpu", filter: "", process: "", idle: false, typing: undefined, ended: false };

Deno.test("press() changes the kind, takes a filter and a process, and ends", () => {
  assertEquals(press(START, "2").kind, "lock");
  assertEquals(press(START, "3").kind, "syscall");
  assertEquals(press(START, "/parse\r").filter, "parse");
  assertEquals(press(START, "pshopd\r").process, "shopd");
  assertEquals(press(START, "/abc\x7f\x7f1\r").filter, "a1");
  assertEquals(press({ ...START, filter: "x" }, "/\r").filter, "");
  assertEquals(press({ ...START, filter: "x" }, "/abc"), {
    ...START,
    filter: "x",
    typing: { what: "filter", text: "abc" },
  });
  assertEquals(press(press({ ...START, filter: "x" }, "/abc"), "\x1b"), { ...START, filter: "x" });
  assertEquals([press(START, "i").idle, press(START, "ii").idle], [true, false]);
  assertEquals(press(START, "\x1b[A"), START);
  assert(press(START, "q").ended && press(START, "\x03").ended);
  assertEquals(press(START, "/q").ended, false);
});

Deno.test("press() takes any bytes of a terminal, and typed text stays bounded", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary", maxLength: 300 }), { maxLength: 8 }), (keys) => {
    const view = keys.reduce(press, START);
    assert((view.typing?.text.length ?? 0) <= 201 && view.filter.length <= 201);
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assert(!/[\x00-\x1f]/.test(view.filter + (view.typing?.text ?? "")));
  }));
});

Deno.test("footer() says what can be done, and what is set", () => {
  assertStringIncludes(footer(START), "/ filter");
  assertEquals(footer(press(START, "pabc")), "process: abc_");
  assertStringIncludes(footer(press(START, "/abc\r")), "only abc");
  assertStringIncludes(footer(press(START, "i")), "with idle threads");
});
