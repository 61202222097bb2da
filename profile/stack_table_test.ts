// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { StackTable } from "./stack_table.ts";

Deno.test("StackTable numbers equal stacks alike, others in the order in which they come, and holds all frames", () => {
  const stack = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(fc.oneof(stack, fc.array(fc.nat(2 ** 31 - 1))), { maxLength: 2000 }), (stacks) => {
      const table = new StackTable();
      const expected = new Map<string, number>();
      for (const frames of stacks) {
        const key = frames.join();
        if (!expected.has(key)) expected.set(key, expected.size);
        assertEquals(table.row(frames), expected.get(key));
      }
      const { offset, frame } = table.build();
      const texts = Array.from(
        { length: offset.length - 1 },
        (_, i) => frame.subarray(offset[i], offset[i + 1]).join(),
      );
      assertEquals(texts, [...expected.keys()]);
    }),
  );
});

Deno.test("StackTable grows beyond its first sizes", () => {
  const table = new StackTable();
  const frames = (i: number) => Array.from({ length: i % 40 }, (_, at) => i * 40 + at);
  const rows = Array.from({ length: 5000 }, (_, i) => table.row(frames(i)));
  for (let i = 0; i < 5000; i++) assertEquals(table.row(frames(i)), rows[i]);
  // All that are empty are one.
  assertEquals(new Set(rows).size, 5000 - 5000 / 40 + 1);
  assertEquals(table.build().frame.length, 5000 / 40 * (39 * 40 / 2));
});
