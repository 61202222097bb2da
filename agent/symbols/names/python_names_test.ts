// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Frame } from "../../../profile/model.ts";
import { isTrampoline, parsePythonName } from "./python_names.ts";

for (
  const [name, fn, file] of [
    ["py::pump:/srv/app.py", "pump", "/srv/app.py"],
    ["py::A.run:/srv/a:b.py", "A.run", "/srv/a:b.py"],
    ["py::middle.<locals>.<lambda>:<string>", "middle.<locals>.<lambda>", "<string>"],
    ["py::<module>:<frozen importlib._bootstrap>", "<module>", "<frozen importlib._bootstrap>"],
  ] as const
) {
  Deno.test(`parsePythonName() reads ${name}`, () => {
    assertEquals(parsePythonName(name), { function: fn, file, line: 0 });
  });
}

Deno.test("parsePythonName() leaves other names alone", () => {
  for (
    const name of ["py::", "py::f", "py::f:", "py:::a.py", "JS:*f /a.js:1:2", "long Spin.leaf(long)", ""]
  ) {
    assertEquals(parsePythonName(name), undefined);
  }
  fc.assert(fc.property(fc.string(), (name) => {
    const parsed = parsePythonName(`py::${name}`);
    return parsed === undefined || (parsed.function !== "" && parsed.file !== "");
  }));
});

Deno.test("isTrampoline() knows a function of a script's without a line", () => {
  const frame: Frame = { function: "f", module: "/a.py", file: "/a.py", line: 0, buildId: "", address: 0 };
  assertEquals(isTrampoline(frame), true);
  assertEquals(isTrampoline({ ...frame, line: 3 }), false);
  assertEquals(isTrampoline({ ...frame, file: "" }), false);
  assertEquals(isTrampoline({ ...frame, module: "/usr/bin/python3" }), false);
});
