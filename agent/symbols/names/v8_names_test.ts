// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseV8Name, wasmName } from "./v8_names.ts";

for (
  const [name, fn, file, line] of [
    ["JS:*spinHot /srv/app.js:1:17", "spinHot", "/srv/app.js", 1],
    ["JS:+'outer file:///srv/app.js:3:24", "outer", "file:///srv/app.js", 3],
    ["JS:o*other /srv/app.js:12:17", "other", "/srv/app.js", 12],
    ["JS:*'inner ext:core/01_core.js:502:33", "inner", "ext:core/01_core.js", 502],
    ["JS:^processImmediate node:internal/timers:438:28", "processImmediate", "node:internal/timers", 438],
    ["JS:~ /srv/app.js:1:1", "(anonymous)", "/srv/app.js", 1],
    ["JS:*get size /srv/a b/app.js:7:3", "get size", "/srv/a b/app.js", 7],
    ["LazyCompile:*over app.js:7:3", "over", "app.js", 7],
    ["JS:over [eval]:1:3", "over", "[eval]", 1],
  ] as const
) {
  Deno.test(`parseV8Name() reads ${name}`, () => {
    assertEquals(parseV8Name(name), { function: fn, file, line });
  });
}

Deno.test("parseV8Name() leaves other names alone", () => {
  for (
    const name of [
      "Builtin:JSEntry",
      "RegExp:^a /b:1:2",
      "JS:*noPlace",
      "int Main.run()",
      "py::f:/a.py",
      "JS:*:1:2",
    ]
  ) {
    assertEquals(parseV8Name(name), undefined);
  }
  fc.assert(fc.property(fc.string(), (name) => {
    const parsed = parseV8Name(`JS:${name}`);
    return parsed === undefined || (parsed.function !== "" && parsed.file !== "");
  }));
});

Deno.test("wasmName() is the same whichever compiler a function of WebAssembly is from", () => {
  assertEquals(wasmName("JS:wasm-function[7]-7-liftoff"), "wasm-function[7]");
  assertEquals(wasmName("JS:wasm-function[7]-7-turbofan"), "wasm-function[7]");
  assertEquals(wasmName("JS:std::sort<a-b>-12-turbofan"), "std::sort<a-b>");
  for (
    const name of ["JS:*spin /srv/a-1-turbofan.js:1:2", "wasm-1-turbofan", "JS:-1-turbofan", "JS:a-b-liftoff"]
  ) {
    assertEquals(wasmName(name), undefined);
  }
});
