// SPDX-License-Identifier: Apache-2.0
import { delay } from "@std/async/delay";
import { assertEquals, assertGreater } from "@std/assert";
import { RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { testWith } from "../../tests/support/needs.ts";
import { watch } from "../../tests/support/user_stacks.ts";
import { ProcessTable } from "../metadata/processes.ts";
import { findInterpreter } from "./interpreter.ts";
import { PythonFiles } from "./python_files.ts";

const PROGRAMS = new URL("../../tests/programs", import.meta.url).pathname;
const PYTHON = "/usr/bin/python3";
const SLEEP = "import time; print(1, flush=True); time.sleep(600)";

testWith(
  ["root", "python3"],
  "findInterpreter() finds Python in a file that is called otherwise",
  async () => {
    using folder = new TempFolder();
    const path = `${folder.path}/snake`;
    Deno.copyFileSync(Deno.realPathSync(PYTHON), path);
    await using program = await RunningProgram.start(path, ["-c", SLEEP]);
    const interpreter = findInterpreter(new ProcessTable().get(program.pid)!);
    assertEquals(interpreter?.own !== undefined, true);
  },
);

testWith(["root", "python3"], "PythonFiles looks at a file once", async () => {
  const files = new PythonFiles();
  await using sleep = await RunningProgram.start("sh", ["-c", "echo 1; exec sleep 600"]);
  // The shell has said its line, and is about to become another program.
  while (Deno.readTextFileSync(`/proc/${sleep.pid}/comm`) !== "sleep\n") await delay(5);
  const process = new ProcessTable().get(sleep.pid)!;
  assertEquals(files.mayHave(process.mappings), true);
  assertEquals(findInterpreter(process, files), undefined);
  assertEquals(files.mayHave(process.mappings), false);
  await using python = await RunningProgram.start(PYTHON, ["-c", SLEEP]);
  const other = new ProcessTable().get(python.pid)!;
  assertEquals(findInterpreter(other, files) === undefined, false);
  assertEquals(files.mayHave(other.mappings), true);
});

testWith(["bpf", "clang", "python3"], "any of very many threads has its Python frames", async () => {
  await using program = await RunningProgram.start(PYTHON, [`${PROGRAMS}/many_threads.py`]);
  const { stacks, count } = await watch(program.pid, { python: true });
  let right = 0;
  for (const [stack, n] of stacks) {
    if (/;Thread\.run;([^;]*;)?worker;compress_job;/.test(stack)) right += n;
  }
  assertGreater(right / count, 0.98, Deno.inspect([...stacks].slice(0, 5)));
});
