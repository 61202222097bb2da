// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import { collectLogs } from "../tests/support/log.ts";
import { BriefProcesses } from "./brief_processes.ts";
import type { Collector, Window } from "./collectors/collector.ts";
import { Drains } from "./drains.ts";

const CALL = {
  comm: "sh",
  call: "read",
  count: 1,
  errors: new Map(),
  totalNs: 1,
  minNs: 1,
  maxNs: 1,
  histogram: [1],
  open: 0,
  oldestNs: 0,
};

interface Fake extends Collector {
  fill: number;
  drains: number;
}

function fake(drain: () => Window | Promise<Window>): Fake {
  return {
    kind: "syscall",
    memoryBytes: 0,
    fill: 0,
    drains: 0,
    async drain() {
      this.drains++;
      this.fill = 0;
      return await drain();
    },
    [Symbol.dispose]() {},
  };
}

const callsOf = ({ syscalls }: Pick<Required<Window>, "syscalls">) => [...syscalls];

const nobody = () => new BriefProcesses(() => new Set());

Deno.test("Drains empties maps early that fill, and gives all of a window together", async () => {
  const collector = fake(() => ({
    samples: [],
    syscalls: [{ ...CALL, pid: 1 }],
    losses: new Map([["lost", 2]]),
  }));
  using drains = new Drains({ collectors: [collector], processes: nobody(), group: () => "" });
  for (let drained = 1; drained <= 3; drained++) {
    collector.fill = 0.5;
    while (collector.drains < drained) await delay(5);
  }
  const { windows, early } = await drains.take();
  assertEquals([early, callsOf(windows[0]!)[0]!.count, windows[0]!.losses.get("lost")], [3, 4, 8]);
  assertEquals(callsOf((await drains.take()).windows[0]!)[0]!.count, 1);
});

Deno.test("Drains gives back what a drain was in once it is added up, and adds up in what a named window was in", async () => {
  let released = 0;
  const collector = fake(() => ({
    samples: [],
    syscalls: [{ ...CALL, pid: collector.drains }],
    losses: new Map(),
    release: () => released++,
  }));
  using drains = new Drains({ collectors: [collector], processes: nobody(), group: () => "" });
  const [first, second] = [await drains.take(), await drains.take()];
  assertEquals(released, 2);
  // That a window is named while the next one is taken changes neither.
  assertEquals([first, second].map(({ windows }) => callsOf(windows[0]!).map(({ pid }) => pid)), [[1], [2]]);
  const { syscalls } = first.windows[0]!;
  first.release();
  assertEquals([...syscalls], []);
  await drains.take();
  const fourth = await drains.take();
  assertEquals(fourth.windows[0]!.syscalls === syscalls, true);
  assertEquals(callsOf(fourth.windows[0]!).map(({ pid }) => pid), [4]);
});

Deno.test("Drains sums the calls of processes of one program that began and ended since", async () => {
  let alive = new Set([10]);
  const pids = [10, 20, 21, 22, 23, 30];
  const collector = fake(() => ({
    samples: [],
    syscalls: pids.map((pid) => ({ ...CALL, pid })),
    losses: new Map(),
  }));
  const processes = new BriefProcesses(() => alive);
  using drains = new Drains({
    collectors: [collector],
    processes,
    group: ({ pid }) => pid === 23 ? "other" : "sh",
  });
  alive = new Set([10, 30]);
  const { windows, brief } = await drains.take();
  assertEquals(callsOf(windows[0]!).map(({ pid, count }) => [pid, count]), [[10, 1], [20, 3], [23, 1], [
    30,
    1,
  ]]);
  assertEquals(pids.filter((pid) => brief.has(pid)), [20, 21, 22, 23]);
});

Deno.test("Drains.take() goes on after a drain that failed, and gives up after some in a row", async () => {
  let failing = 2;
  const collector = fake(() => {
    if (failing-- > 0) throw new Error("EBADF");
    return { samples: [], losses: new Map() };
  });
  const fine = fake(() => ({ samples: [], syscalls: [{ ...CALL, pid: 1 }], losses: new Map() }));
  await using logs = await collectLogs();
  using drains = new Drains({ collectors: [collector, fine], processes: nobody(), group: () => "" });
  for (let window = 0; window < 4; window++) {
    assertEquals(callsOf((await drains.take()).windows[1]!).length, 1);
  }
  assertEquals(logs.lines, ["warning: Cannot take what was counted of syscall, will try again: EBADF"]);
  failing = 3;
  for (let window = 0; window < 2; window++) await drains.take();
  await assertRejects(() => drains.take(), Error, "EBADF");
});

Deno.test("Drains.take() gives what a drain took that failed midway, and says that it failed", async () => {
  let failing = true;
  const collector = fake(() => ({
    samples: [],
    syscalls: [{ ...CALL, pid: 1 }],
    losses: new Map([["lost", 2]]),
    ...failing && { failure: new Error("ENOMEM") },
  }));
  await using logs = await collectLogs();
  using drains = new Drains({ collectors: [collector], processes: nobody(), group: () => "" });
  const { windows } = await drains.take();
  assertEquals([callsOf(windows[0]!)[0]!.count, windows[0]!.losses.get("lost")], [1, 2]);
  assertEquals(logs.lines, [
    "warning: Cannot take what was counted of syscall, will try again: ENOMEM",
  ]);
  // Those before the window's end are not counted among those after which it is given up.
  for (let early = 1; early <= 4; early++) {
    collector.fill = 0.5;
    while (collector.drains <= early) await delay(5);
  }
  assertEquals(callsOf((await drains.take()).windows[0]!)[0]!.count, 5);
  failing = false;
  assertEquals(callsOf((await drains.take()).windows[0]!)[0]!.count, 1);
});

Deno.test("Drains.take() keeps what was counted while a window is taken for one of both", async () => {
  let counted = 0;
  const gate = Promise.withResolvers<void>();
  const slow = fake(async () => {
    await gate.promise;
    return { samples: [], losses: new Map() };
  });
  const quick = fake(() => ({
    samples: [],
    syscalls: [{ ...CALL, pid: 1, count: ++counted }],
    losses: new Map(),
  }));
  using drains = new Drains({ collectors: [slow, quick], processes: nobody(), group: () => "" });
  const taking = drains.take();
  await delay(1);
  quick.fill = 1;
  while (quick.drains < 2) await delay(5);
  gate.resolve();
  const first = callsOf((await taking).windows[1]!)[0]!.count;
  const second = callsOf((await drains.take()).windows[1]!)[0]!.count;
  assertEquals(first + second, 1 + 2 + 3);
});
