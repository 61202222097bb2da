// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { RunningProgram } from "../../tests/support/programs.ts";
import { pythons } from "../../tests/support/pythons.ts";
import { testWith } from "../../tests/support/needs.ts";
import { PYTHON_MODULE } from "../../profile/model.ts";
import { ProcessTable } from "../metadata/processes.ts";
import { PythonSymbols } from "./python_symbols.ts";

const HOLD = `
import time
def make(n):
    return compile("\\n" * n + "def f%d(): pass" % n, "made.py", "exec").co_consts[0]
made = [make(n) for n in range(200)]
print(" ".join(str(id(code)) for code in made), flush=True)
time.sleep(600)
`;

const [python] = pythons();
const path = python?.path ?? "python3.11";

testWith(
  ["root", path.slice(path.lastIndexOf("/") + 1)],
  "PythonSymbols keeps to its budget and to what was",
  async () => {
    using symbols = new PythonSymbols({ cacheBytes: 20_000 });
    const running = await RunningProgram.start(path, ["-c", HOLD]);
    const codes = running.firstLine.split(" ").map(Number);
    const frame = (code: number) =>
      symbols.stack({ pid: running.pid, past: false }, [{ code, unit: -1, entry: true }]).runs[0]![0]!;
    try {
      const table = new ProcessTable();
      symbols.look(table.get(running.pid)!);
      assert(symbols.has(running.pid));
      for (const [n, code] of codes.entries()) {
        const { function: name, file, line, module } = frame(code);
        assertEquals([name, file, line, module], [`f${n}`, "made.py", n + 1, "made.py"]);
      }
      const { codes: held, codeBytes } = symbols.stats;
      assert(held > 10 && held < 100 && codeBytes <= 20_000, `${held} code objects in ${codeBytes} bytes`);
      // Equal frames are one object, so that they are cheap to compare.
      assert(frame(codes[199]!) === frame(codes[199]!));
      // No code object, and nothing at all.
      for (const address of [codes[0]! + 16, 8, 2 ** 47 - 8]) {
        assertEquals(
          frame(address).module,
          PYTHON_MODULE,
        );
      }
      assertEquals(symbols.stats.unnamed, 3);
      symbols.endWindow();
      assertEquals(frame(codes[199]!).function, "f199");
    } finally {
      await running[Symbol.asyncDispose]();
    }
    // Samples of a process that is gone: what was read before is known, the rest is not.
    symbols.endWindow();
    assertEquals(symbols.interpreters().size, 0);
    assertEquals(frame(codes[0]!).module, PYTHON_MODULE);
    assertEquals(symbols.stats.unnamed, 4);
  },
);

testWith(["root", "sleep"], "PythonSymbols finds no interpreter in other programs", async () => {
  using symbols = new PythonSymbols();
  await using running = await RunningProgram.start("sh", ["-c", "echo ready; exec sleep 100"]);
  symbols.look(new ProcessTable().get(running.pid)!);
  assertEquals(symbols.has(running.pid), false);
  assertEquals(
    symbols.stack({ pid: running.pid, past: false }, [{ code: 4096, unit: 1, entry: true }]).runs[0]![0]!
      .module,
    PYTHON_MODULE,
  );
});
