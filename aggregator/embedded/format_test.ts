// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { headerLength, mediaType } from "./format.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("headerLength() is zero where blocks have no header", () => {
  for (const format of ["RowBinary", "Native", "JSONEachRow", "tsv", "CSV"]) {
    assertEquals(headerLength(format)?.(encode("1\n2\n")), 0, format);
  }
});

Deno.test("headerLength() counts the lines of names and types", () => {
  assertEquals(headerLength("TSVWithNames")?.(encode("a\tb\n1\t2\n")), 4);
  assertEquals(headerLength("JSONCompactEachRowWithNamesAndTypes")?.(encode('["a"]\n["UInt8"]\n[1]\n')), 16);
});

Deno.test("headerLength() counts a binary header of any number and length of names", () => {
  const leb = (n: number): number[] => n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...leb(n >> 7)];
  const names = fc.array(fc.string({ maxLength: 300 }), { maxLength: 200 });
  fc.assert(fc.property(names, fc.uint8Array(), (columns, rows) => {
    const texts = columns.flatMap((name) => [...leb(encode(name).length), ...encode(name)]);
    const header = [...leb(columns.length), ...texts, ...texts];
    const block = new Uint8Array([...header, ...rows]);
    assertEquals(headerLength("RowBinaryWithNamesAndTypes")?.(block), header.length);
  }));
});

Deno.test("headerLength() has none for formats that frame their rows", () => {
  for (const format of ["JSON", "JSONCompact", "Parquet", "Arrow", "Pretty", "CSVWithNames"]) {
    assertEquals(headerLength(format), undefined, format);
  }
});

Deno.test("mediaType() tells lines of JSON from a JSON document", () => {
  assertEquals(mediaType("JSONEachRow"), "application/x-ndjson; charset=UTF-8");
  assertEquals(mediaType("JSONCompactEachRowWithNames"), "application/x-ndjson; charset=UTF-8");
  assertEquals(mediaType("JSONCompact"), "application/json; charset=UTF-8");
  assertEquals(mediaType("RowBinary"), "application/octet-stream");
});
