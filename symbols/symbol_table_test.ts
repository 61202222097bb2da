// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { RawSymbols } from "./build_symbol_image.ts";
import { SymbolTable } from "./symbol_table.ts";

interface Made {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly binding?: number;
  readonly type?: number;
}

const SECTIONS = [
  { address: 0, size: 0, executable: false },
  { address: 0x1000, size: 0x1000, executable: true },
];

const build = (tables: readonly RawSymbols[]) => SymbolTable.build({ tables });

/** Returns a section of Elf64_Sym as a linker writes it. */
function symbolsOf(made: readonly Made[], bias = 0): RawSymbols {
  const symbols = new Uint8Array(24 * (made.length + 1));
  const view = new DataView(symbols.buffer);
  let strings = "\0";
  made.forEach(({ name, address, size, binding = 1, type = 2 }, i) => {
    const at = 24 * (i + 1);
    view.setUint32(at, strings.length, true);
    strings += `${name}\0`;
    view.setUint8(at + 4, binding << 4 | type);
    view.setUint16(at + 6, 1, true);
    view.setBigUint64(at + 8, BigInt(address), true);
    view.setBigUint64(at + 16, BigInt(size), true);
  });
  return {
    bits: 64,
    symbols,
    strings: new TextEncoder().encode(strings),
    sections: SECTIONS,
    bias,
    full: true,
  };
}

Deno.test("SymbolTable.find() takes a name of an old version where there is no other", () => {
  const names = ["free@@V_2", "cfree@V_1", "old@V_1"];
  const made = names.map((name) => ({ name, address: name === "old@V_1" ? 0x1010 : 0x1000, size: 16 }));
  const versionOf = (name: string) => name.includes("@@") ? 3 : 0x8002;
  // By the names of a full table, and by the section of versions of a dynamic one; in any order.
  for (const list of [made, made.toReversed()]) {
    const versions = new Uint8Array(Uint16Array.from([0, ...list.map(({ name }) => versionOf(name))]).buffer);
    const plain = list.map((one) => ({ ...one, name: one.name.replace(/@.*/, "") }));
    for (const table of [symbolsOf(list), { ...symbolsOf(plain), full: false, versions }]) {
      const found = build([table]);
      assertEquals([0x1000, 0x1010].map((at) => found.find(at)), ["free", "old"]);
    }
  }
});

Deno.test("SymbolTable.find() prefers sized, inner, global names with few underscores", () => {
  const table = build([symbolsOf([
    { name: "outer", address: 0x1000, size: 0x100 },
    { name: "inner", address: 0x1040, size: 0x10 },
    { name: "label", address: 0x1010, size: 0, binding: 0, type: 0 },
    { name: "__write", address: 0x1200, size: 8 },
    { name: "write", address: 0x1200, size: 8 },
    { name: "weak", address: 0x1200, size: 8, binding: 2 },
    { name: "asm", address: 0x1300, size: 0, type: 0 },
    { name: "versioned@@V_2", address: 0x1400, size: 4 },
    { name: "__GI___clone3", address: 0x1500, size: 4, binding: 0 },
    { name: "___clone3", address: 0x1500, size: 4, binding: 0 },
  ])]);
  const at = (address: number) => table.find(address);
  assertEquals([0x1000, 0x1010, 0x1040, 0x1050, 0x10ff].map(at), [
    "outer",
    "outer",
    "inner",
    "outer",
    "outer",
  ]);
  assertEquals([0xfff, 0x1100, 0x1207, 0x1208].map(at), [undefined, undefined, "write", undefined]);
  // A symbol without a size reaches to the next one, and no further than its section.
  assertEquals([0x13ff, 0x1403, 0x1404].map(at), ["asm", "versioned", undefined]);
  assertEquals(at(0x1500), "___clone3");
});

Deno.test("SymbolTable.build() joins tables that count from different addresses", () => {
  const first = symbolsOf([{ name: "one", address: 0x1000, size: 16 }]);
  const second = symbolsOf([{ name: "two", address: 0x1000, size: 16 }], 0x500);
  const table = build([first, second]);
  assertEquals([table.find(0x1008), table.find(0x1508)], ["one", "two"]);
});

Deno.test("SymbolTable.build() takes junk", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 30 }), (a, b) => {
    const raw = { symbols: new Uint8Array(a), strings: new Uint8Array(b), sections: SECTIONS, bias: 0 };
    build([{ bits: 64, full: true, ...raw }, { bits: 32, full: false, ...raw }]).find(0x1000);
  }));
});

Deno.test("SymbolTable.build() does not copy one long name for each of many symbols without end", () => {
  const many = symbolsOf(Array.from({ length: 20_000 }, () => ({ name: "", address: 0x1000, size: 1 })));
  const strings = new Uint8Array(64_000).fill(0x41);
  const table = build([{ ...many, strings }]);
  assert(table.bytes < 200 << 20, `${table.bytes}`);
});
