// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { PerfMap } from "./perf_map.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function mapOf(text: string): PerfMap {
  const map = new PerfMap();
  map.append(encode(text));
  return map;
}

Deno.test("PerfMap.find() reads names with spaces, 0x and Windows line ends", () => {
  const map = mapOf("7f00 10 JS:*hot file.js:1:2\n0x8000 0x20 Foo::bar\r\nFFF0 8 UPPER\n");
  assertEquals(map.find(0x7f0f), "JS:*hot file.js:1:2");
  assertEquals(map.find(0x7f10), undefined);
  assertEquals(map.find(0x801f), "Foo::bar");
  assertEquals(map.find(0xfff4), "UPPER");
});

Deno.test("PerfMap.find() gives the later of entries that overlap", () => {
  const entry = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 20 }));
  fc.assert(fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
    const map = mapOf(
      entries.map(([at, size], i) => `${at.toString(16)} ${size.toString(16)} f${i}\n`).join(""),
    );
    for (let address = 0; address < 90; address++) {
      const expected = entries.findLastIndex(([at, size]) => address >= at && address < at + size);
      assertEquals(map.find(address), expected < 0 ? undefined : `f${expected}`);
    }
  }));
});

Deno.test("PerfMap.append() takes a file in any pieces", () => {
  const text = "100 10 one\n200 20 two words\njunk\n300 10 three\n";
  const cuts = fc.array(fc.nat(text.length), { maxLength: 6 });
  fc.assert(fc.property(cuts, (at) => {
    const map = new PerfMap();
    const ends = [...at.sort((a, b) => a - b), text.length];
    let from = 0;
    for (const end of ends) {
      map.append(encode(text.slice(from, end)));
      map.find(0x100);
      from = end;
    }
    assertEquals([0x105, 0x210, 0x30f].map((a) => map.find(a)), ["one", "two words", "three"]);
  }));
});

Deno.test("PerfMap.append() passes over what is no entry, and holds no more than it was given", () => {
  const junk =
    "\n \nxyz 10 a\n10 zz a\n10 0 a\n10 10\n10 10 \nfffffffffffffffffffff 1 a\nffffffffffffffff 1 a\n";
  const map = mapOf(`${junk}40 4 good\n`);
  assertEquals(map.size, 1);
  assertEquals(map.find(0x41), "good");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
    const any = new PerfMap();
    any.append(bytes);
    any.find(1);
  }));
});

Deno.test("PerfMap.append() gives up a line without an end", () => {
  const map = new PerfMap();
  for (let i = 0; i < 10; i++) map.append(new Uint8Array(20_000).fill(0x41));
  map.append(encode("\n40 4 good\n"));
  assertEquals(map.find(0x40), "good");
  assertEquals(map.bytes < 70_000, true);
});
