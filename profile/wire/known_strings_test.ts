// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KnownStrings } from "./known_strings.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns texts that count how often they are decoded. */
function counting() {
  const count = { decoded: 0 };
  const known = new KnownStrings((bytes, start, end) => {
    count.decoded++;
    return strict.decode(bytes.subarray(start, end));
  });
  return { count, known };
}

Deno.test("KnownStrings gives what the decoder gives, whatever was read before", () => {
  const { known } = counting();
  const encoder = new TextEncoder();
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.constantFrom("\ufeff", "Ã©", "é"));
  fc.assert(fc.property(fc.array(text), fc.nat(5), (texts, before) => {
    for (const each of texts) {
      const bytes = encoder.encode(`${"x".repeat(before)}${each}tail`);
      const [start, end] = [before, bytes.length - 4];
      assertEquals(known.get(bytes, start, end), strict.decode(bytes.subarray(start, end)));
    }
  }));
});

Deno.test("KnownStrings decodes a text once, but for long ones and those that are not ASCII", () => {
  const { count, known } = counting();
  const read = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    return known.get(bytes, 0, bytes.length);
  };
  for (const text of ["main", "", "x".repeat(256), "main"]) assertEquals(read(text), text);
  assertEquals(count.decoded, 3);
  for (let i = 0; i < 2; i++) for (const text of ["é", "y".repeat(257)]) assertEquals(read(text), text);
  assertEquals(count.decoded, 7);
});

Deno.test("KnownStrings keeps nothing of what is no text", () => {
  const { known } = counting();
  const broken = Uint8Array.of(0x61, 0xff);
  for (let i = 0; i < 2; i++) assertThrows(() => known.get(broken, 0, 2), TypeError);
  assertEquals(known.get(broken, 0, 1), "a");
});
