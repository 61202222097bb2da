// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertGreater } from "@std/assert";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { readElf } from "../../symbols/elf/elf.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { BareStarts } from "./bare_starts.ts";
import { SearchTable } from "./search_table.ts";

const SOURCE = new URL("../../tests/programs/unwind/musl.c", import.meta.url).pathname;

testWith(
  ["musl-gcc", "nm", "strip"],
  "BareStarts has the functions of a stripped program of musl that nm has of the whole one",
  () => {
    using folder = new TempFolder();
    const path = `${folder.path}/program`;
    run("musl-gcc", ["-O2", "-static", "-o", path, SOURCE]);
    const functions = new Map(
      run("nm", ["-S", path]).split("\n").map((line) => line.split(" "))
        .filter(([, , type]) => type?.toLowerCase() === "t")
        .map(([address, size, , name]) => [parseInt(address!, 16), { size: parseInt(size!, 16), name }]),
    );
    run("strip", [path]);
    const source = memorySource(Deno.readFileSync(path));
    const elf = readElf(source);
    const starts = new BareStarts(source, elf, SearchTable.open(source, elf));
    let [bytes, right] = [0, 0];
    const wrong = new Set<string>();
    for (const [address, { size, name }] of functions) {
      const piece = starts.pieceAt(address);
      for (let at = address; piece && at < address + size; at++, bytes++) {
        if (piece.starts.findLast((start) => start <= at) === address) right++;
        else wrong.add(name!);
      }
    }
    assertGreater(bytes, 15_000);
    assertGreater(right / bytes, 0.96, [...wrong].join(" "));
    // Before main is a call that does not come back, and it has no other mark where addresses are constants.
    for (const name of ["sorting", "qsort", "memcpy", "__libc_start_main"]) assert(!wrong.has(name), name);
  },
);

testWith(["gcc"], "BareStarts has nothing of code that a table knows of, nor of what is no code", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/a.so`;
  const text =
    'int known(int x) { return x * 3; }\n__asm__(".text\\nbare: neg %eax\\nret\\n.fill 20, 1, 0x90");';
  run("gcc", ["-O1", "-nostdlib", "-shared", "-fPIC", "-o", path, folder.write("a.c", text)]);
  const source = memorySource(Deno.readFileSync(path));
  const elf = readElf(source);
  const table = SearchTable.open(source, elf)!;
  const starts = new BareStarts(source, elf, table);
  const [known] = table.ranges().starts;
  assertEquals([starts.pieceAt(known!), starts.startAfter(known!)], [undefined, Infinity]);
  assertEquals([starts.pieceAt(1), starts.startAfter(1)], [undefined, Infinity]);
  // By itself, a file that is damaged, or of another machine, has none either.
  const other = new BareStarts(source, { ...elf, machine: 183 }, undefined);
  assertEquals(other.pieceAt(known!)?.starts.length, 0);
});
