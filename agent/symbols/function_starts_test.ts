// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertGreater } from "@std/assert";
import { timesOpen } from "../../tests/support/descriptors.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { CodeFiles } from "../elf/code_files.ts";
import { ProcessTable } from "../metadata/processes.ts";
import { FunctionStarts } from "./function_starts.ts";

/** Two functions without unwind information, of which one calls the other, one with it, and what waits. */
const SOURCE = `#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) long first(long x) { for (int i = 0; i < 9; i++) x = x * 31 ^ x >> i; return x; }
__asm__(".text\\nother: mov %edi, %eax\\nshl %eax\\nret\\n.globl other\\n"
  "bare: push %rdi\\nmov %esi, %edi\\ncall other\\npop %rdi\\nret\\n.globl bare\\nlast: neg %eax\\nret\\n.globl last");
int main(int count, char **arguments) { printf("%ld\\n", first(count)); fflush(stdout); pause(); }
`;

testWith(
  ["root", "gcc", "nm", "strip"],
  "FunctionStarts has one start for each function, with or without unwind information, and none where none is",
  async () => {
    using folder = new TempFolder();
    const path = `${folder.path}/program`;
    run("gcc", ["-O1", "-o", path, folder.write("program.c", SOURCE)]);
    const symbols = new Map(
      run("nm", ["-S", path]).split("\n").map((line) => line.split(" ")).map((words) => {
        const [address, size] = words.map((word) => parseInt(word, 16)) as [number, number];
        return [words.at(-1)!, { address, size: words.length > 3 ? size : 0 }];
      }),
    );
    run("strip", [path]);
    await using program = await RunningProgram.start(path);
    const process = new ProcessTable().get(program.pid)!;
    const files = new CodeFiles();
    const file = files.of({ process, mapping: process.mappings[0]! })!;
    // Kept, and searched in the file.
    using kept = new FunctionStarts(1 << 20);
    using searched = new FunctionStarts(16);
    for (const starts of [kept, searched]) {
      let looked = 0;
      for (const name of ["first", "main"]) {
        const { address, size } = symbols.get(name)!;
        for (let at = address; at < address + size; at++, looked++) {
          assertEquals(starts.of(file, at), address);
        }
      }
      assertGreater(looked, 20);
      // No table knows of these: they are told by a call, and by where the one before ends.
      const [other, bare, last] = ["other", "bare", "last"].map((name) => symbols.get(name)!.address);
      for (let at = other!; at < last! + 3; at++) {
        assertEquals(starts.of(file, at), at < bare! ? other : at < last! ? bare : last);
      }
      assertEquals(starts.of(file, 1), 1);
    }
    // One that is searched is open until the window ends, and is opened again in the next one.
    assertEquals(timesOpen(path), 1);
    for (let window = 0; window < 2; window++) {
      searched.endWindow();
      assertEquals(timesOpen(path), 0);
      const { address, size } = symbols.get("main")!;
      assertEquals(searched.of(file, address + size - 1), address);
    }
    // Another file that is called so is not searched.
    searched.endWindow();
    Deno.removeSync(path);
    Deno.writeFileSync(path, new Uint8Array(100));
    await program[Symbol.asyncDispose]();
    const { address } = symbols.get("main")!;
    assertEquals(searched.of(file, address + 1), address + 1);
    assertEquals(timesOpen(path), 0);
  },
);
