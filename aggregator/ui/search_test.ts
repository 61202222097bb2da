// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { flameModel } from "./model.ts";
import { graphOf } from "../../tests/support/graphs.ts";
import { parseSearch, search } from "./search.ts";

const model = flameModel(
  graphOf("demo;main;a;b 30", "demo;main;a 10", "demo;main;c;b 5", "tool;main;a;a;b 7"),
);

Deno.test("parseSearch() takes text as it is, whatever its case", () => {
  const test = parseSearch("v8::(Anon", false)!;
  assertEquals([test("V8::(anon ns)::f"), test("v8::anon")], [true, false]);
  assertEquals(parseSearch("", false), undefined);
});

Deno.test("parseSearch() of an expression tells cases apart where it has a capital", () => {
  assertEquals(parseSearch("^ngx_", true)!("NGX_x"), true);
  assertEquals(parseSearch("^Ngx_", true)!("ngx_x"), false);
  assertEquals(parseSearch("\\Sx", true)!("AX"), true);
  assertThrows(() => parseSearch("(", true), SyntaxError);
});

Deno.test("search() counts a match within a match once", () => {
  const test = parseSearch("^a$", true)!;
  const { width, boxes } = search(model, test);
  assertEquals([width, boxes], [47, 3]);
});

Deno.test("search() finds modules too, and never the whole", () => {
  assertEquals(search(model, parseSearch("bin/demo", false)!).width, 52);
  assertEquals(search(model, parseSearch("all", false)!), {
    names: new Uint8Array(model.names.length),
    width: 0,
    boxes: 0,
  });
});

Deno.test("search() within a box leaves out the rest", () => {
  const c = model.name.findIndex((name) => model.names[name] === "c");
  assertEquals(search(model, parseSearch("b", false)!, c).width, 5);
});
