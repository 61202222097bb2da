// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { HOSTILE } from "../../tests/support/random_batches.ts";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import {
  arrays,
  encodeBlock,
  lowCardinality,
  lowCardinalityArrays,
  maps,
  numbers,
  strings,
  toUint64,
} from "./native.ts";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
// Lone surrogates have no UTF-8.
const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 200 }), fc.constantFrom(...HOSTILE));
const row = fc.record({
  number: uint64,
  text,
  list: fc.array(uint64, { maxLength: 200 }),
  map: fc.dictionary(text, uint64, { noNullPrototype: true }),
  lows: fc.array(text, { maxLength: 5 }),
  ints: fc.array(fc.nat(2 ** 32 - 1), { maxLength: 5 }),
});

testWith(["chdb"], "encodeBlock() writes what the engine reads back", async () => {
  await using storage = await startStorage();
  const { client } = storage;
  await client.command(`CREATE TABLE native (
    i UInt32, number UInt64, text String, low LowCardinality(String), list Array(UInt64),
    map Map(LowCardinality(String), UInt64), lows Array(LowCardinality(String)), ints Array(UInt32)
  ) ENGINE = Memory`);
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 300 }), async (rows) => {
      await client.command("TRUNCATE TABLE native");
      let end = 0;
      const keys = [...new Set(rows.map(({ text }) => text))];
      const lows = [...new Set(rows.flatMap((row) => row.lows))];
      await client.insert("native", [
        numbers("i", "UInt32", Uint32Array.from(rows, (_, i) => i)),
        numbers("number", "UInt64", BigUint64Array.from(rows, ({ number }) => number)),
        strings("text", rows.map(({ text }) => text)),
        lowCardinality("low", keys, Uint32Array.from(rows, ({ text }) => keys.indexOf(text))),
        arrays(
          "list",
          BigUint64Array.from(rows, ({ list }) => BigInt(end += list.length)),
          BigUint64Array.from(rows.flatMap(({ list }) => list)),
        ),
        maps("map", rows.map(({ map }) => new Map(Object.entries(map)))),
        lowCardinalityArrays("lows", endsOf(rows.map(({ lows }) => lows)), {
          values: lows,
          items: Uint32Array.from(rows.flatMap((row) => row.lows), (text) => lows.indexOf(text)),
        }),
        arrays("ints", endsOf(rows.map(({ ints }) => ints)), Uint32Array.from(rows.flatMap((r) => r.ints))),
      ]);
      const answer = await client.rows<Record<string, unknown>>(
        "SELECT number, text, low, lows, ints, list, mapKeys(map) AS keys, mapValues(map) AS items FROM native ORDER BY i",
      );
      assertEquals(
        answer,
        rows.map(({ number, text, list, map, lows, ints }) => ({
          number: String(number),
          text,
          low: text,
          lows,
          ints,
          list: list.map(String),
          keys: Object.keys(map),
          items: Object.values(map).map(String),
        })),
      );
    }),
    { numRuns: 20 },
  );
});

Deno.test("encodeBlock() refuses columns of different lengths", () => {
  const columns = [strings("a", ["x"]), strings("b", ["x", "y"])];
  assertThrows(() => encodeBlock(columns), RangeError, "b has 2, not 1");
});

Deno.test("strings() writes lengths of more than one byte", () => {
  for (const length of [127, 128, 16_383, 16_384]) {
    const { bytes } = strings("a", ["é".repeat(length / 2 + 0.5), "end"]);
    const text = new TextEncoder().encode("é".repeat(length / 2 + 0.5));
    const prefix = bytes.length - text.length - 4;
    assertEquals(bytes.slice(prefix, prefix + text.length), text);
    const said = bytes.slice(0, prefix).reduceRight((sum, byte) => sum * 128 + (byte & 127), 0);
    assertEquals(said, text.length);
  }
});

Deno.test("toUint64() keeps every integer that a number holds", () => {
  fc.assert(fc.property(fc.array(fc.maxSafeNat()), (values) => {
    assertEquals([...toUint64(values)], values.map(BigInt));
  }));
});

function endsOf(lists: readonly (readonly unknown[])[]): BigUint64Array {
  let end = 0;
  return BigUint64Array.from(lists, ({ length }) => BigInt(end += length));
}
