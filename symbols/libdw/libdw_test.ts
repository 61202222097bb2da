// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { SymbolTable } from "../symbol_table.ts";
import { Libdw, LibdwError } from "./libdw.ts";

const LIBC = "/lib/x86_64-linux-gnu/libc.so.6";
const openFiles = () => [...Deno.readDirSync("/proc/self/fd")].length;

/** Returns the functions that `nm` lists: address → names. */
function functionsOf(path: string, ...flags: string[]): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const line of run("nm", ["--defined-only", ...flags, path]).split("\n")) {
    const match = /^(\w+) [tTwWi] ([^@]+)/.exec(line);
    if (!match) continue;
    const address = parseInt(match[1]!, 16);
    found.set(address, [...found.get(address) ?? [], match[2]!]);
  }
  return found;
}

testWith(
  ["nm"],
  "Libdw.fileSymbols() and SymbolTable give every function that nm lists one of its names",
  () => {
    using libdw = new Libdw();
    for (
      const [path, ...flags] of [[LIBC, "-D"], ["/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "-D"]] as const
    ) {
      const table = SymbolTable.build({ tables: libdw.fileSymbols(path) });
      const expected = functionsOf(path, ...flags);
      assert(expected.size > 1000);
      for (const [address, names] of expected) {
        const found = table.find(address);
        assert(
          found !== undefined && names.includes(found),
          `${path} ${address.toString(16)}: ${found}, ${names}`,
        );
      }
    }
  },
);

testWith(["gcc", "nm", "objcopy", "strip", "xz"], "Libdw.fileSymbols() reads .gnu_debugdata", () => {
  using folder = new TempFolder();
  const at = (name: string) => `${folder.path}/${name}`;
  const source = folder.write(
    "mini.c",
    "static int __attribute__((noinline)) hidden_helper(int n) { return n * 3; }\n" +
      "int exported(int n) { return hidden_helper(n) + 1; }\n",
  );
  run("gcc", ["-O1", "-shared", "-fPIC", "-o", at("mini.so"), source]);
  const expected = functionsOf(at("mini.so"));
  // As Fedora makes it: the full table, compressed, in a section of the stripped file.
  run("objcopy", ["-S", "--keep-symbol=hidden_helper", at("mini.so"), at("mini_debug")]);
  run("xz", ["-k", at("mini_debug")]);
  run("strip", ["--strip-all", at("mini.so")]);
  using libdw = new Libdw();
  const hidden = [...expected].find(([, names]) => names.includes("hidden_helper"))![0];
  const shown = [...expected].find(([, names]) => names.includes("exported"))![0];
  const stripped = SymbolTable.build({ tables: libdw.fileSymbols(at("mini.so")) });
  assertEquals([stripped.find(hidden), stripped.find(shown)], [undefined, "exported"]);
  run("objcopy", ["--add-section", `.gnu_debugdata=${at("mini_debug.xz")}`, at("mini.so")]);
  const table = SymbolTable.build({ tables: libdw.fileSymbols(at("mini.so")) });
  assertEquals([table.find(hidden), table.find(shown)], ["hidden_helper", "exported"]);
});

Deno.test("Libdw.fileSymbols() opens nothing that it does not close", () => {
  using libdw = new Libdw();
  using folder = new TempFolder();
  const junk = folder.write("junk", "\x7fELF and nothing more");
  const round = () => {
    libdw.fileSymbols(LIBC, { findDebugFile: () => LIBC });
    libdw.fileSymbols(LIBC, { findDebugFile: () => junk });
    assertThrows(() => libdw.fileSymbols(junk), LibdwError);
    assertThrows(() => libdw.fileSymbols(`${folder.path}/none`), LibdwError);
  };
  round();
  const before = openFiles();
  for (let i = 0; i < 1000; i++) round();
  assertEquals(openFiles(), before);
});

Deno.test("Libdw can be opened and disposed of again and again", () => {
  const before = openFiles();
  for (let i = 0; i < 100; i++) {
    using libdw = new Libdw();
    libdw.fileSymbols("/bin/true");
  }
  assertEquals(openFiles(), before);
});

Deno.test("Libdw.fileSymbols() takes truncated and changed files", () => {
  using libdw = new Libdw();
  using folder = new TempFolder();
  const whole = Deno.readFileSync("/bin/true");
  const reads = (bytes: Uint8Array) => {
    const path = folder.write("file", bytes);
    try {
      SymbolTable.build({ tables: libdw.fileSymbols(path) }).find(0x1000);
    } catch (error) {
      assert(error instanceof LibdwError, `${error}`);
    }
  };
  fc.assert(fc.property(fc.nat(whole.length), (length) => reads(whole.subarray(0, length))));
  const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  fc.assert(fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
    const bytes = whole.slice();
    for (const [at, value] of changes) bytes[at] = value;
    reads(bytes);
  }));
});

Deno.test("Libdw.fileSymbols() survives what its search throws", () => {
  using libdw = new Libdw();
  const tables = libdw.fileSymbols(LIBC, {
    findDebugFile: () => {
      throw new Error("search");
    },
  });
  assert(SymbolTable.build({ tables }).size > 0);
});

testWith(["mkfifo"], "Libdw.fileSymbols() does not wait for a named pipe", () => {
  using libdw = new Libdw();
  using folder = new TempFolder();
  run("mkfifo", [`${folder.path}/pipe`]);
  assertThrows(() => libdw.fileSymbols(`${folder.path}/pipe`), LibdwError);
});

testWith(["truncate"], "Libdw.fileSymbols() lets nobody make a file shorter that it has mapped", () => {
  using libdw = new Libdw();
  using folder = new TempFolder();
  const path = folder.write("file", Deno.readFileSync(LIBC));
  // Opens without waiting, unlike most.
  const shorten = () => new Deno.Command("truncate", { args: ["-s", "0", path] }).outputSync().success;
  const shortened: boolean[] = [];
  const tables = libdw.fileSymbols(path, {
    findDebugFile: () => {
      shortened.push(shorten());
      return undefined;
    },
  });
  assertEquals(shortened, [false]);
  assert(SymbolTable.build({ tables }).size > 0);
  assert(shorten());
});
