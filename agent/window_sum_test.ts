// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { RawLock, RawSyscall } from "./collectors/collector.ts";
import { WindowSum } from "./window_sum.ts";

const call: fc.Arbitrary<RawSyscall> = fc.record({
  pid: fc.integer({ min: 1, max: 6 }),
  comm: fc.constantFrom("a", "b"),
  call: fc.constantFrom("read", "write"),
  count: fc.nat(9),
  errors: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9 })), { maxLength: 2 })
    .map((errors) => new Map(errors)),
  totalNs: fc.nat(1000),
  minNs: fc.integer({ min: 1, max: 100 }),
  maxNs: fc.nat(1000),
  histogram: fc.array(fc.nat(9), { maxLength: 5 }),
  open: fc.nat(3),
  oldestNs: fc.nat(1000),
}).map((row) => ({
  ...row,
  minNs: row.count > 0 ? row.minNs : 0,
  oldestNs: row.open > 0 ? row.oldestNs : 0,
}));

const identity = (pid: number) => pid;

Deno.test("WindowSum.build() has of all drains together what one row for each (process, name, call) would have", () => {
  fc.assert(fc.property(fc.array(fc.array(call)), fc.integer({ min: 1, max: 6 }), (drains, from) => {
    // Processes from `from` on are told as one.
    const represent = (pid: number) => pid >= from ? from : pid;
    const sum = new WindowSum();
    for (const syscalls of drains) {
      sum.add({ samples: [], syscalls, losses: new Map([["lost", 1]]) }, represent);
    }
    const { syscalls, losses } = sum.build();
    const all = drains.flat();
    const same = (a: RawSyscall, b: RawSyscall) =>
      represent(a.pid) === b.pid && a.comm === b.comm && a.call === b.call;
    for (const row of syscalls) {
      const rows = all.filter((one) => same(one, row));
      const total = (of: (one: RawSyscall) => number) => rows.reduce((total, one) => total + of(one), 0);
      assertEquals([row.count, row.totalNs], [total((one) => one.count), total((one) => one.totalNs)]);
      const ended = rows.filter(({ count }) => count > 0);
      assertEquals(row.minNs, ended.length > 0 ? Math.min(...ended.map((one) => one.minNs)) : 0);
      assertEquals(row.maxNs, Math.max(...rows.map((one) => one.maxNs)));
      const last = drains.at(-1)!.filter((one) => same(one, row));
      assertEquals(row.open, last.reduce((open, one) => open + one.open, 0));
      assertEquals(row.oldestNs, Math.max(0, ...last.map((one) => one.oldestNs)));
      for (let i = 0; i < 5; i++) assertEquals(row.histogram[i] ?? 0, total((one) => one.histogram[i] ?? 0));
      for (let error = 1; error <= 3; error++) {
        assertEquals(row.errors.get(error) ?? 0, total((one) => one.errors.get(error) ?? 0));
      }
    }
    assertEquals(
      syscalls.reduce((total, { count }) => total + count, 0),
      all.reduce((n, { count }) => n + count, 0),
    );
    assertEquals(new Set(syscalls.map((row) => `${row.pid} ${row.call} ${row.comm}`)).size, syscalls.length);
    assertEquals(losses.get("lost") ?? 0, drains.length);
  }));
});

const place = { pid: 1, comm: "a", user: [], kernel: [] };
const lock: fc.Arbitrary<RawLock> = fc.record({
  outcome: fc.constantFrom("woken" as const, "open" as const),
  count: fc.nat(3),
  delayNs: fc.nat(1000),
  maxNs: fc.nat(5000),
}).map((row) => {
  return {
    waiter: place,
    holder: undefined,
    type: "futex",
    hints: 0,
    value: 0,
    address: 0n,
    histogram: [],
    ...row,
  };
});

Deno.test("WindowSum.build() has all time of waits, all that ended, and as open those of the last drain", () => {
  fc.assert(fc.property(fc.array(fc.array(lock), { minLength: 1 }), (drains) => {
    const sum = new WindowSum();
    for (const locks of drains) sum.add({ samples: [], locks, losses: new Map() }, identity);
    const { locks } = sum.build();
    const total = (rows: readonly RawLock[], outcome: string, of: "count" | "delayNs" | "maxNs") =>
      rows.reduce((total, row) => row.outcome === outcome ? total + row[of] : total, 0);
    for (const outcome of ["woken", "open"]) {
      assertEquals(total(locks, outcome, "delayNs"), total(drains.flat(), outcome, "delayNs"));
    }
    for (const amount of ["count", "maxNs"] as const) {
      assertEquals(total(locks, "woken", amount), total(drains.flat(), "woken", amount));
      assertEquals(total(locks, "open", amount), total(drains.at(-1)!, "open", amount));
    }
  }));
});

Deno.test("WindowSum.build() has the holds and the ends of stacks of all drains", () => {
  const hold = { holder: place, hints: 0, count: 1, totalNs: 5, maxNs: 5, histogram: [0, 0, 1] };
  const sum = new WindowSum();
  const stackEnds = new Map([["complete", 2]]);
  for (let i = 0; i < 2; i++) {
    sum.add({ samples: [], holds: [hold], losses: new Map(), stackEnds }, identity);
  }
  assertEquals([sum.build().holds, sum.build().stackEnds.get("complete")], [[hold, hold], 4]);
});

Deno.test("WindowSum.add() changes nothing of what it is given", () => {
  const row = {
    pid: 1,
    comm: "a",
    call: "read",
    count: 1,
    totalNs: 5,
    minNs: 5,
    maxNs: 5,
    open: 1,
    oldestNs: 9,
  };
  const wait = {
    waiter: place,
    holder: undefined,
    type: "futex",
    outcome: "open",
    count: 1,
    delayNs: 5,
  } as const;
  const locks = [{ ...wait, maxNs: 5, hints: 0, value: 0, address: 0n, histogram: [] }];
  const syscalls = [{ ...row, errors: new Map([[2, 1]]), histogram: [0, 0, 1] }];
  const sum = new WindowSum();
  for (let i = 0; i < 2; i++) sum.add({ samples: [], locks, syscalls, losses: new Map() }, identity);
  assertEquals(syscalls, [{ ...row, errors: new Map([[2, 1]]), histogram: [0, 0, 1] }]);
  assertEquals(locks[0]!.count, 1);
  assertEquals(sum.build().syscalls[0]!.histogram, [0, 0, 2]);
});
