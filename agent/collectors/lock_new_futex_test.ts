// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { compileProgram } from "../../tests/support/compiled.ts";
import { Contender } from "../../tests/support/contender.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { LockCollector } from "./lock.ts";

testWith(
  ["bpf", "clang"],
  "LockCollector forgets no thread that comes to a new futex beside another",
  async () => {
    await build("bpf");
    using folder = new TempFolder();
    const path = await compileProgram("new_futexes", folder.path, ["-O2", "-pthread"]);
    // Its threads spin, so that they come at once where others leave them the CPUs.
    await using program = await Contender.start("nice", ["-n", "-20", path]);
    using collector = LockCollector.open({ pid: program.pid });
    for (let times = 0; times < 4; times++) {
      const { woken } = await program.contend<{ woken: number }>();
      const { locks = [], losses } = await collector.drain();
      const waits = locks.filter(({ type, waiter }) => type === "futex" && waiter.comm === "waiter");
      assertEquals(waits.reduce((sum, { count }) => sum + count, 0), woken);
      assertEquals(losses.get("holder_forgotten"), undefined);
    }
  },
);
