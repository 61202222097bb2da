// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { testWith } from "../../tests/support/needs.ts";
import { StaticSymbols } from "./static_symbols.ts";

const SOURCE = `int kept[9] = {1}; static long hidden = 2; extern int elsewhere(void) __attribute__((weak));
int main(void) { return kept[1] + hidden + (elsewhere ? 1 : 0); }`;
const BASE = 0x7f0000000000;

testWith(
  ["gcc", "nm", "strip"],
  "StaticSymbols finds what nm lists, of a program that exports nothing",
  () => {
    using folder = new TempFolder();
    for (const [flag, base, bias] of [["-pie", BASE, BASE], ["-no-pie", 0x400000, 0]] as const) {
      const path = `${folder.path}/program`;
      run("gcc", [flag, "-fno-pic", "-mcmodel=large", "-o", path, folder.write("program.c", SOURCE)]);
      const bytes = Deno.readFileSync(path);
      const symbols = StaticSymbols.of(memorySource(bytes), { base, name: "kept" })!;
      for (const line of run("nm", ["--defined-only", path]).trim().split("\n")) {
        const [value, type, name] = line.split(" ") as [string, string, string];
        if (/^[TDdBb]$/.test(type)) assertEquals(symbols.find(name), parseInt(value, 16) + bias, name);
      }
      assertEquals(symbols.find("elsewhere"), undefined);
      assertEquals(symbols.find("hidde"), undefined);
      assertEquals(StaticSymbols.of(memorySource(bytes), { base, name: "missing" }), undefined);
      fc.assert(fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))), (changes) => {
        const damaged = bytes.slice();
        for (const [at, byte] of changes) damaged[at] = byte;
        const found = StaticSymbols.of(memorySource(damaged), { base, name: "kept" })?.find("hidden");
        assert(found === undefined || Number.isFinite(found));
      }));
      run("strip", [path]);
      const stripped = memorySource(Deno.readFileSync(path));
      assertEquals(StaticSymbols.of(stripped, { base, name: "kept" }), undefined);
    }
  },
);
