// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TupleTable } from "./tuple_table.ts";

const word = fc.oneof(fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1), fc.nat(3));

Deno.test("TupleTable.number() numbers different tuples in the order in which they come, equal ones alike", () => {
  // As others did before, whose tuples were forgotten.
  const table = new TupleTable();
  fc.assert(fc.property(fc.array(fc.tuple(word, word, word, word)), (tuples) => {
    table.clear();
    assertEquals(table.size, 0);
    const numbers = new Map<string, number>();
    for (const tuple of tuples) {
      const key = tuple.join();
      if (!numbers.has(key)) numbers.set(key, numbers.size);
      assertEquals(table.number(...tuple), numbers.get(key));
    }
    assertEquals(table.size, numbers.size);
    for (const [key, number] of numbers) {
      assertEquals([0, 1, 2, 3].map((index) => table.word(number, index)).join(), key);
    }
  }));
});

Deno.test("TupleTable finds each of many tuples again", () => {
  const table = new TupleTable();
  const count = 10_000;
  for (let i = 0; i < count; i++) assertEquals(table.number(i, i % 7, 0, count - i), i);
  for (let i = 0; i < count; i++) assertEquals(table.number(i, i % 7, 0, count - i), i);
  assertEquals(table.size, count);
});

Deno.test("TupleTable.clear() forgets more tuples than it keeps the room for, too", () => {
  const table = new TupleTable();
  for (let i = 0; i < 200_000; i++) table.number(i, 0, 0, 0);
  table.clear();
  for (const i of [7, 3, 7]) table.number(i, 0, 0, 0);
  assertEquals([table.size, table.word(0, 0), table.word(1, 0)], [2, 7, 3]);
});
