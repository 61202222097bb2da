// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { run } from "../../tests/support/programs.ts";
import { testWith } from "../../tests/support/needs.ts";
import { DynamicSymbols } from "./dynamic_symbols.ts";
import { type Memory, ProcessMemory } from "./memory.ts";

/** This process's libraries, and where each begins. */
function loaded(): Map<string, number> {
  const bases = new Map<string, number>();
  for (const line of Deno.readTextFileSync("/proc/self/maps").split("\n")) {
    const [, start, path] = /^([0-9a-f]+)-\S+ \S+ 0+ \S+ [1-9]\d* +(\/.*)$/.exec(line) ?? [];
    if (path !== undefined && !bases.has(path)) bases.set(path, parseInt(start!, 16));
  }
  return bases;
}

testWith(["root", "nm"], "DynamicSymbols finds what nm lists, in each library of this process", () => {
  using memory = ProcessMemory.open("/proc/self")!;
  let compared = 0;
  for (const [path, base] of loaded()) {
    if (!/\/(libc|libm|libgcc_s)\.so/.test(path)) continue;
    const symbols = DynamicSymbols.at(memory, base);
    assert(symbols, path);
    // nm gives addresses as the file counts; these libraries begin at 0.
    for (const line of run("nm", ["-D", "--defined-only", path]).trim().split("\n")) {
      const [value, type, name] = line.split(/\s+/) as [string, string, string];
      // Of names with several versions any is right, and thread-local and absolute ones have no address.
      if (!/^[TDBRVW]$/.test(type) || !name.includes("@@")) continue;
      const plain = name.slice(0, name.indexOf("@"));
      const found = symbols.find(plain);
      if (found !== base + parseInt(value, 16)) {
        assert(versions(path).get(plain)! > 1, `${plain} of ${path}: ${found?.toString(16)}`);
      }
      compared++;
    }
    assertEquals(symbols.find("no_such_symbol_at_all"), undefined);
  }
  assert(compared > 2000, `${compared} symbols were compared`);
});

const counted = new Map<string, Map<string, number>>();

/** Returns in how many versions each name is defined. */
function versions(path: string): Map<string, number> {
  let counts = counted.get(path);
  if (counts) return counts;
  counts = new Map();
  for (const line of run("nm", ["-D", "--defined-only", path]).trim().split("\n")) {
    const name = line.split(/\s+/)[2]!.replace(/@.*/, "");
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  counted.set(path, counts);
  return counts;
}

Deno.test("DynamicSymbols finds nothing, in bounded time, in damaged memory", () => {
  const { path, base } = { path: "/proc/self", base: [...loaded()].find(([p]) => /\/libm\.so/.test(p))?.[1] };
  if (base === undefined) return;
  using memory = ProcessMemory.open(path);
  const image = memory?.read(base, 200_000);
  if (!image) return;
  const damage = fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(damage, (changes) => {
    const copy = image.slice();
    for (const [at, byte] of changes) copy[at] = byte;
    let reads = 0;
    const damaged: Memory = {
      read(address, length) {
        assert(reads++ < 20_000);
        const from = address - base;
        return from >= 0 && length >= 0 && from + length <= copy.length
          ? copy.slice(from, from + length)
          : undefined;
      },
    };
    DynamicSymbols.at(damaged, base)?.find("no_such_symbol_at_all");
  }));
});
