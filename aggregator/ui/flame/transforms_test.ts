// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { graphOf } from "../../../tests/support/graphs.ts";
import { flameModel } from "./model.ts";
import { addStep, applySteps, parseSteps, PRESETS, stepFields, stepParams, stepText } from "./transforms.ts";
import { treeOf } from "./tree.ts";

Deno.test("parseSteps() leaves out what it does not understand, and keeps colons of names", () => {
  assertEquals(parseSteps(["hide:a::b", "what:x", "preset:none", "preset:mine", "recursion:", "x"]), [
    { action: "hide", name: "a::b" },
    { action: "preset", name: "mine" },
    { action: "recursion", name: "" },
  ]);
});

Deno.test("addStep() has one focus, one side and each other step once", () => {
  assertEquals(addStep(["hide:a", "focus:b"], "focus:c"), ["hide:a", "focus:c"]);
  assertEquals(addStep(["callers:b"], "callees:c"), ["callees:c"]);
  assertEquals(addStep(["hide:a"], "hide:a"), ["hide:a"]);
  assertEquals(addStep(["hide:a"], "hide:b"), ["hide:a", "hide:b"]);
});

Deno.test("stepParams() asks for what the aggregator does, names with commas whole", () => {
  assertEquals(stepParams(["hide:f<a, b>", "hide:g", "fold:x", "recursion:", "module:/bin/a"]), {
    hide: '["f<a, b>","g"]',
    collapse_recursion: "true",
    collapse_modules: '["/bin/a"]',
  });
  assertEquals(stepFields(["hide:f<a, b>", "focus:a", "focus:b", "recursion:"]), {
    hide: ["f<a, b>"],
    focus: "b",
    collapse_recursion: true,
  });
});

Deno.test("applySteps() says what each step moved to callers", () => {
  const tree = treeOf(flameModel(graphOf("demo;main;a;b 30", "demo;main;a 10")));
  const { tree: changed, moved } = applySteps(tree, ["fold:b", "fold:a", "hide:x"]);
  assertEquals([...moved], [["fold:b", 30], ["fold:a", 40]]);
  const main = changed.children[0]!.children[0]!;
  assertEquals([main.name, main.self, main.children], ["main", 40, []]);
});

Deno.test("presets tell kinds of code apart", () => {
  const left = (preset: string, name: string, module: string) => PRESETS[preset]!.test(name, module);
  const modules = [
    "/app/shop",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "[kernel]",
    "/usr/bin/node",
    "[jit]",
    "[python]",
  ];
  const table = (preset: string) => modules.map((module) => left(preset, "f", module));
  assertEquals(table("mine"), [false, true, true, true, false, false]);
  assertEquals(table("kernel"), [false, false, true, false, false, false]);
  assertEquals(table("libc"), [false, true, false, false, false, false]);
  assertEquals(table("runtime"), [false, false, false, true, false, false]);
  assertEquals(left("runtime", "runtime.mallocgc", "/app/go-shop"), true);
});

Deno.test("stepText() says a step in words", () => {
  const texts = ["hide:epoll_wait", "recursion:", "preset:mine"].map((step) =>
    stepText(parseSteps([step])[0]!)
  );
  assertEquals(texts, ["hidden: stacks through epoll_wait", "recursion collapsed", "only my code"]);
});
