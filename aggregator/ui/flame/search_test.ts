// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { OTHER } from "../../../profile/flame.ts";
import { flameModel } from "./model.ts";
import { graphOf } from "../../../tests/support/graphs.ts";
import { matchNames, parseSearch, search } from "./search.ts";

const model = flameModel(
  graphOf("demo;main;a;b 30", "demo;main;a 10", "demo;main;c;b 5", "tool;main;a;a;b 7"),
);

function found(text: string) {
  return search(model, matchNames(model, parseSearch(text)!));
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
  const { width, boxes, count } = found("/^all$/");
  assertEquals([width, count, boxes], [0, 0, []]);
});

Deno.test("search() never finds what was cut, as it has no name of its own", () => {
  const cut = { names: ["all", OTHER, OTHER], modules: ["", "", "/bin/other"] };
  assertEquals([...matchNames(cut, parseSearch(OTHER)!)], [0, 0, 1]);
});
