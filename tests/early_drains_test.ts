// SPDX-License-Identifier: Apache-2.0
/**
 * Maps that are emptied in the middle of a window split the time of what goes on there, and of that no nanosecond is
 * lost or counted twice.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { BriefProcesses } from "../agent/brief_processes.ts";
import type { Collector } from "../agent/collectors/collector.ts";
import { LockCollector } from "../agent/collectors/lock.ts";
import { SyscallCollector } from "../agent/collectors/syscall.ts";
import { type Drained, Drains } from "../agent/drains.ts";
import { build } from "../tasks/build.ts";
import { compileProgram } from "./support/compiled.ts";
import { Contender } from "./support/contender.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";

/** Returns a collector whose maps are as full as `fill` says. */
function filled(collector: Collector, fill: () => number): Collector {
  return {
    kind: collector.kind,
    memoryBytes: collector.memoryBytes,
    get fill() {
      return fill();
    },
    drain: (options) => collector.drain(options),
    [Symbol.dispose]: () => collector[Symbol.dispose](),
  };
}

interface Open {
  /** So many wait or are in the call at the end. */
  readonly count: number;
  /** The time that they have of the window, and of the oldest since it began, in ns. */
  readonly ns: number;
  readonly ageNs: number;
}

/** Returns what goes on in the threads called `comm`: waits for futexes, and calls of futex(2). */
function openOf({ windows: [locks, syscalls] }: Drained, comm: string): readonly Open[] {
  const waits = locks!.locks.filter(({ waiter, type, outcome }) => {
    return waiter.comm === comm && type === "futex" && outcome === "open";
  });
  const [call] = [...syscalls!.syscalls].filter((row) => row.comm === comm && row.call === "futex");
  return [
    {
      count: waits.reduce((sum, { count }) => sum + count, 0),
      ns: waits.reduce((sum, { delayNs }) => sum + delayNs, 0),
      ageNs: Math.max(...waits.map(({ maxNs }) => maxNs)),
    },
    { count: call!.open, ns: call!.totalNs, ageNs: call!.oldestNs },
  ];
}

testWith(["bpf", "clang"], "a drain that is early tells nothing of what goes on", async () => {
  await build("bpf");
  using folder = new TempFolder();
  await using program = await Contender.start(await compileProgram("deadlock", folder.path));
  const { pid } = program;
  using locks = LockCollector.open({ pid });
  using syscalls = SyscallCollector.open({ pid });
  await program.contend();
  const openOf = async (early: boolean) => {
    const waits = (await locks.drain({ early })).locks!.filter(({ outcome }) => outcome === "open");
    const calls = [...(await syscalls.drain({ early })).syscalls!].filter(({ open }) => open > 0);
    return [waits.length > 0, calls.length > 0];
  };
  assertEquals(await openOf(true), [false, false]);
  assertEquals(await openOf(false), [true, true]);
});

testWith(["bpf", "clang"], "processes that nobody joins fill no map of locks when they end", async () => {
  await build("bpf");
  using folder = new TempFolder();
  const churn = await compileProgram("churn", folder.path);
  using collector = LockCollector.open({ ancestor: Deno.pid });
  const { success } = await new Deno.Command(churn, { args: ["2000", "1"] }).output();
  assert(success);
  assert(collector.fill < 0.1, `${collector.fill}`);
});

testWith(
  ["bpf", "clang"],
  "Drains gives a wait and a call that go on all of the window, and as one, however often it drains",
  async () => {
    await build("bpf");
    using folder = new TempFolder();
    await using program = await Contender.start(await compileProgram("deadlock", folder.path));
    const { pid } = program;
    let fill = 0;
    using locks = LockCollector.open({ pid });
    using syscalls = SyscallCollector.open({ pid });
    using drains = new Drains({
      collectors: [locks, syscalls].map((collector) => filled(collector, () => fill)),
      processes: new BriefProcesses(),
      group: () => "",
    });
    await program.contend();
    await delay(100);
    const before = await drains.take();
    fill = 0.5;
    await delay(400);
    fill = 0;
    const after = await drains.take();
    assertEquals(before.early, 0);
    assert(after.early >= 6, `${after.early}`);
    for (const comm of ["poster", "closer"]) {
      const began = openOf(before, comm);
      for (const [i, { count, ns, ageNs }] of openOf(after, comm).entries()) {
        assertEquals([count, ns], [1, ageNs - began[i]!.ageNs]);
      }
    }
  },
);
