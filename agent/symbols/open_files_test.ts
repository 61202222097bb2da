// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { compile, frameAt, SPIN } from "../../tests/support/spinning_program.ts";
import { Symboliser } from "./symboliser.ts";

testWith(["gcc"], "Symboliser leaves no file open", async () => {
  using folder = new TempFolder();
  await using program = await RunningProgram.start(compile(folder, SPIN));
  const openFiles = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const look = async () => {
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    // The kernel's notes on its own code, one for each CPU.
    const opened = openFiles();
    frameAt(symboliser, program);
    return openFiles() - opened;
  };
  // What a process opens once stays.
  await look();
  const before = openFiles();
  for (let i = 0; i < 5; i++) assertEquals(await look(), 0);
  assertEquals(openFiles(), before);
});
