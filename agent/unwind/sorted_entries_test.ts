// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type ByteSource, memorySource } from "../../symbols/elf/byte_source.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import { SortedEntries } from "./sorted_entries.ts";

const OFFSET = 3;
const ENTRY_BYTES = 8;

function image(values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(OFFSET + ENTRY_BYTES * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setInt32(OFFSET + ENTRY_BYTES * i, value, true);
  return bytes;
}

function entries(source: ByteSource, count: number): SortedEntries {
  return new SortedEntries(source, { offset: OFFSET, count, entryBytes: ENTRY_BYTES });
}

const value = fc.oneof(fc.integer(), fc.integer({ min: -300, max: 300 }));

Deno.test("SortedEntries.countBelow() counts what is below any value", () => {
  const values = fc.array(value, { maxLength: 700, size: "max" });
  fc.assert(fc.property(values, fc.array(value), (values, wanted) => {
    const sorted = values.toSorted((a, b) => a - b);
    const table = entries(memorySource(image(sorted)), sorted.length);
    for (const limit of [...wanted, ...sorted]) {
      assertEquals(table.countBelow(limit), sorted.filter((value) => value < limit).length);
    }
  }));
});

Deno.test("SortedEntries.countBelow() reads a table of any content within its bounds", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 700, size: "max" }), fc.array(value), (values, wanted) => {
      const table = entries(memorySource(image(values)), values.length);
      for (const limit of wanted) {
        const count = table.countBelow(limit);
        assertEquals(count >= 0 && count <= values.length, true);
      }
    }),
  );
});

Deno.test("SortedEntries.countBelow() reads once for a value, when it has looked for some", () => {
  const count = 100_000;
  let reads = 0;
  const bytes = image(Array.from({ length: count }, (_, i) => 2 * i));
  const source = memorySource(bytes);
  const table = entries({
    size: source.size,
    read(offset, length) {
      reads++;
      return source.read(offset, length);
    },
  }, count);
  for (let i = 0; i < count; i += 97) table.countBelow(2 * i);
  const before = reads;
  for (let i = 0; i < 100; i++) {
    assertEquals(table.countBelow(2 * (i * 997 % count) + 1), i * 997 % count + 1);
  }
  assertLess(reads - before, 101);
});

Deno.test("SortedEntries.countBelow() refuses a file that ends within the table", () => {
  const bytes = image([1, 2, 3]);
  assertThrows(() => entries(memorySource(bytes), 1000).countBelow(2), ElfError);
});
