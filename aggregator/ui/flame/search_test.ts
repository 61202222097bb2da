// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { flameModel } from "./model.ts";
import { graphOf } from "../../../tests/support/graphs.ts";
import { matchNames, parseSearch, search } from "./search.ts";

const model = flameModel(
  graphOf("demo;main;a;b 30", "demo;main;a 10", "demo;main;c;b 5", "tool;main;a;a;b 7"),
);

function found(text: string, focus = 0) {
  return search(model, matchNames(model, parseSearch(text)!), focus);
}

Deno.test("parseSearch() wants all words, whatever their case and order, in the name or the module", () => {
  const test = parseSearch("v8::(Anon f")!;
  assertEquals([test("V8::(anon ns)::f", ""), test("v8::anon f", "")], [true, false]);
  assertEquals(parseSearch("node gc")!("v8::GC", "/usr/bin/node"), true);
  assertEquals([parseSearch("  "), parseSearch("//"), parseSearch("m:")], [undefined, undefined, undefined]);
});

Deno.test("parseSearch() looks behind m: in the module alone", () => {
  const test = parseSearch("m:libc read")!;
  assertEquals([test("read", "/lib/libc.so.6"), test("libc_read", "/bin/a")], [true, false]);
});

Deno.test("parseSearch() of an expression tells cases apart where it has a capital", () => {
  assertEquals(parseSearch("/^ngx_/")!("NGX_x", ""), true);
  assertEquals(parseSearch("/^Ngx_/")!("ngx_x", ""), false);
  assertEquals(parseSearch("/\\Sx/")!("AX", ""), true);
  // While it is typed the last slash is not there yet.
  assertEquals(parseSearch("/^a$")!("a", ""), true);
  assertThrows(() => parseSearch("/(/"), SyntaxError);
});

Deno.test("search() counts a match within a match once, and gives the widest first", () => {
  const { width, boxes, count } = found("/^a$/");
  assertEquals([width, count, boxes.map((box) => model.width[box])], [47, 3, [40, 7]]);
});

Deno.test("search() finds modules too, and never the whole", () => {
  assertEquals(found("bin/demo").width, 52);
  assertEquals(found("/^all$/"), { width: 0, boxes: [], count: 0 });
});

Deno.test("search() within a box leaves out the rest", () => {
  const c = model.name.findIndex((name) => model.names[name] === "c");
  assertEquals(found("b", c).width, 5);
});
