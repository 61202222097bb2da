// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { javaName } from "./java_names.ts";

for (
  const [name, full, short] of [
    ["long Spin.leaf(long)", "Spin.leaf(long)", "Spin.leaf"],
    [
      "java.lang.Object java.util.HashMap.put(java.lang.Object, java.lang.Object)",
      "java.util.HashMap.put(java.lang.Object, java.lang.Object)",
      "java.util.HashMap.put",
    ],
    [
      "void com.acme.Käse$Laib.<init>(int[])",
      "com.acme.Käse$Laib.<init>(int[])",
      "com.acme.Käse$Laib.<init>",
    ],
    ["byte[] A.b()", "A.b()", "A.b"],
    ["long Spin$$Lambda$3/0x00007f0a04004000.run(long)", "Spin$$Lambda.run(long)", "Spin$$Lambda.run"],
    ["long Spin$$Lambda/0x0000000011041c00.run(long)", "Spin$$Lambda.run(long)", "Spin$$Lambda.run"],
    [
      "void java.lang.invoke.LambdaForm$MH/0x0000000800c03000.invoke(java.lang.Object)",
      "java.lang.invoke.LambdaForm$MH.invoke(java.lang.Object)",
      "java.lang.invoke.LambdaForm$MH.invoke",
    ],
  ] as const
) {
  Deno.test(`javaName() reads ${name}`, () => {
    assertEquals([javaName(name, "full"), javaName(name, "short")], [full, short]);
  });
}

Deno.test("javaName() leaves other names alone", () => {
  for (
    const name of [
      "Interpreter",
      "I2C/C2I adapters",
      "StubRoutines (1)",
      "py::f:/a.py",
      "LFoo;::bar",
      "void [System.Private.CoreLib] System.Threading.Thread::Start()[Tier0]",
      "foo(int)",
      "JS:*get size /srv/a.js:7:3",
    ]
  ) {
    assertEquals(javaName(name, "full"), undefined);
  }
  fc.assert(fc.property(fc.string(), (name) => javaName(`void ${name}`, "short") !== ""));
  assert(javaName(`void ${"a.".repeat(100_000)}b(`, "full") === undefined);
});
