// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { columnsOf, cutEnd, cutMiddle } from "./fit.js";

Deno.test("columnsOf() counts wide characters twice and marks not at all", () => {
  assertEquals(["", "abc", "日本", "e\u0301", "🔥", "…"].map(columnsOf), [0, 3, 4, 1, 2, 1]);
});

Deno.test("cutEnd() and cutMiddle() keep what fits, and say where they cut", () => {
  assertEquals([cutEnd("deflate", 7), cutEnd("deflate", 6), cutEnd("ab", 2)], ["deflate", "defla…", ""]);
  assertEquals(cutMiddle("/usr/lib/libc.so.6", 18), "/usr/lib/libc.so.6");
  assertEquals(cutMiddle("/usr/lib/libc.so.6", 12), "/usr/l….so.6");
});

Deno.test("cutEnd() and cutMiddle() never take more columns than there are", () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom("日", "e\u0301", "🔥", "a"), fc.string({ unit: "binary" })),
  });
  fc.assert(fc.property(text, fc.nat({ max: 30 }), (name, columns) => {
    assert(columnsOf(cutEnd(name, columns)) <= columns);
    assert(columnsOf(cutMiddle(name, columns)) <= columns);
  }));
});
