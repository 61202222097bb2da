// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { compileProgram } from "../../tests/support/compiled.ts";
import { Contender } from "../../tests/support/contender.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { Symboliser } from "../symbols/symboliser.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import { EARLIER_HOLDERS, type RawStack } from "./collector.ts";
import { LockCollector } from "./lock.ts";

testWith(
  ["bpf", "clang"],
  "LockCollector tells callers apart that come to the same place with the same registers",
  async () => {
    await build("bpf");
    using folder = new TempFolder();
    const path = await compileProgram("lock_two_callers", folder.path, ["-O2", "-g", "-pthread"]);
    await using program = await Contender.start(path);
    await using unwinder = Unwinder.open();
    using collector = LockCollector.open({ pid: program.pid, unwinder });
    await using symboliser = Symboliser.open({ unwinder, coldMs: 60_000 });
    unwinder.warm(program.pid);
    // The unwinder gets to know the program by its first waits; of the next the last one goes on into the window.
    await program.contend();
    await unwinder.settle();
    await program.contend();
    await collector.drain();
    await program.contend();
    const { locks = [] } = await collector.drain();
    const caller = (place: RawStack | undefined) => {
      if (!place || place === EARLIER_HOLDERS) return "nobody";
      const names = symboliser.stack(place).map((frame) => frame.function);
      return names.find((name) => /^(wait_)?(left|right)$/.test(name)) ?? names.join(" < ");
    };
    const waiters: Record<string, number> = {};
    const wakers: Record<string, number> = {};
    for (const { outcome, type, count, waiter, holder } of locks) {
      if (type !== "futex" || outcome !== "woken" || count === 0) continue;
      waiters[caller(waiter)] = (waiters[caller(waiter)] ?? 0) + count;
      wakers[caller(holder)] = (wakers[caller(holder)] ?? 0) + count;
    }
    assertEquals(waiters, { wait_left: 60, wait_right: 30 });
    assertEquals(wakers, { left: 60, right: 30 });
  },
);
