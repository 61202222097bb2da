// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import {
  EARLIER_HOLDERS,
  type ProgramOf,
  type RawLock,
  type RawStack,
  type RawSyscall,
} from "./collectors/collector.ts";
import { HINT } from "./libbpf/mod.ts";
import { WindowSum } from "./window_sum.ts";

const call: fc.Arbitrary<RawSyscall> = fc.record({
  pid: fc.integer({ min: 1, max: 6 }),
  program: fc.constantFrom(8, 9),
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

const identity = (process: ProgramOf) => process;

Deno.test("WindowSum.build() has of all drains together what one row for each (process, program, name, call) would have", () => {
  fc.assert(fc.property(fc.array(fc.array(call)), fc.integer({ min: 1, max: 6 }), (drains, from) => {
    // Processes from `from` on are told as one.
    const represent = ({ pid, program }: ProgramOf) => ({ pid: pid >= from ? from : pid, program });
    const sum = new WindowSum();
    for (const syscalls of drains) {
      sum.add({ samples: [], syscalls, losses: new Map([["lost", 1]]) }, represent);
    }
    const { losses, ...built } = sum.build();
    const syscalls = [...built.syscalls];
    const all = drains.flat();
    const same = (a: RawSyscall, b: RawSyscall) =>
      represent(a).pid === b.pid && a.program === b.program && a.comm === b.comm && a.call === b.call;
    for (const row of syscalls) {
      const rows = all.filter((one) => same(one, row));
      const total = (of: (one: RawSyscall) => number) => rows.reduce((total, one) => total + of(one), 0);
      assertEquals([row.count, row.totalNs], [total((one) => one.count), total((one) => one.totalNs)]);
      const ended = rows.filter(({ count }) => count > 0);
      assertEquals(row.minNs, ended.length > 0 ? Math.min(...ended.map((one) => one.minNs)) : 0);
      assertEquals(row.maxNs, Math.max(...rows.map((one) => one.maxNs)));
      assertEquals(row.open, total((one) => one.open));
      assertEquals(row.oldestNs, Math.max(0, ...rows.map((one) => one.oldestNs)));
      for (let i = 0; i < 5; i++) assertEquals(row.histogram[i] ?? 0, total((one) => one.histogram[i] ?? 0));
      for (let error = 1; error <= 3; error++) {
        assertEquals(row.errors.get(error) ?? 0, total((one) => one.errors.get(error) ?? 0));
      }
    }
    assertEquals(
      syscalls.reduce((total, { count }) => total + count, 0),
      all.reduce((n, { count }) => n + count, 0),
    );
    assertEquals(
      new Set(syscalls.map((row) => `${row.pid} ${row.program} ${row.call} ${row.comm}`)).size,
      syscalls.length,
    );
    assertEquals(losses.get("lost") ?? 0, drains.length);
  }));
});

const place = { pid: 1, program: 8, comm: "a", user: [], kernel: [] };
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

Deno.test("WindowSum.build() has all time of waits, and all that ended or are open", () => {
  fc.assert(fc.property(fc.array(fc.array(lock), { minLength: 1 }), (drains) => {
    const sum = new WindowSum();
    for (const locks of drains) sum.add({ samples: [], locks, losses: new Map() }, identity);
    const { locks } = sum.build();
    const total = (rows: readonly RawLock[], outcome: string, of: "count" | "delayNs") =>
      rows.reduce((total, row) => row.outcome === outcome ? total + row[of] : total, 0);
    const longest = (rows: readonly RawLock[], outcome: string) =>
      Math.max(0, ...rows.filter((row) => row.outcome === outcome).map(({ maxNs }) => maxNs));
    for (const outcome of ["woken", "open"]) {
      assertEquals(total(locks, outcome, "delayNs"), total(drains.flat(), outcome, "delayNs"));
      assertEquals(total(locks, outcome, "count"), total(drains.flat(), outcome, "count"));
      assertEquals(longest(locks, outcome), longest(drains.flat(), outcome));
    }
    assertEquals(locks.length, new Set(drains.flat().map(({ outcome }) => outcome)).size);
  }));
});

Deno.test("WindowSum.build() has the holds and the ends of stacks of all drains", () => {
  const hold = { holder: place, hints: 0, count: 1, totalNs: 5, maxNs: 5, histogram: [0, 0, 1] };
  const sum = new WindowSum();
  const stackEnds = new Map([["complete", 2]]);
  for (let i = 0; i < 2; i++) {
    sum.add({ samples: [], holds: [hold], losses: new Map(), stackEnds }, identity);
  }
  const twice = { ...hold, count: 2, totalNs: 10, histogram: [0, 0, 2] };
  assertEquals([sum.build().holds, sum.build().stackEnds.get("complete")], [[twice], 4]);
});

Deno.test("WindowSum.build() has no address of a process that another one stands for", () => {
  const wait = {
    holder: undefined,
    type: "futex",
    outcome: "woken",
    count: 1,
    delayNs: 5,
    maxNs: 5,
  } as const;
  const of = (pid: number, comm: string): RawLock => ({
    ...{ waiter: { pid, comm, user: [-(2 ** 40)], kernel: [] }, ...wait },
    ...{ hints: 0, value: 0, address: 4096n, histogram: [] },
  });
  const sum = new WindowSum();
  const locks = [of(1, "own"), of(2, "other")];
  sum.add({ samples: [], locks, losses: new Map() }, ({ pid }) => ({ pid: Math.min(pid, 1) }));
  const addresses = sum.build().locks.map(({ waiter, address }) => [waiter.comm, address]);
  assertEquals(addresses, [["own", 4096n], ["other", 0n]]);
});

Deno.test("WindowSum.add() changes nothing of what it is given", () => {
  const row = {
    pid: 1,
    program: 8,
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
  assertEquals([...sum.build().syscalls].map(({ histogram }) => histogram), [[0, 0, 2]]);
});

const stack: fc.Arbitrary<RawStack> = fc.record({
  pid: fc.integer({ min: 1, max: 4 }),
  program: fc.constantFrom(8, 9),
  comm: fc.constantFrom("a", "b"),
  user: fc.array(fc.constantFrom(-(2 ** 40), -(2 ** 40) - 1, 2 ** 46, 5), { maxLength: 3 }),
  kernel: fc.array(fc.constantFrom(2 ** 47, 2 ** 47 + 2 ** 33), { maxLength: 2 }),
});

Deno.test("WindowSum.build() has one row for each stack, and tells processes apart where their code is not of files", () => {
  fc.assert(fc.property(fc.array(fc.array(stack)), (drains) => {
    const represent = ({ pid, program }: ProgramOf) => ({ pid: Math.min(pid, 3), program });
    const sum = new WindowSum();
    for (const stacks of drains) {
      const samples = stacks.map((stack) => ({ ...stack, value: 10, count: 1 }));
      sum.add({ samples, losses: new Map() }, represent);
    }
    const seen = (stack: RawStack) => {
      const { pid, program } = stack.user.every((address) => address < 0) ? represent(stack) : stack;
      return JSON.stringify([pid, program, stack.comm, stack.user, stack.kernel]);
    };
    const expected = Map.groupBy(drains.flat(), seen);
    const { samples } = sum.build();
    assertEquals(
      new Map(samples.map((sample) => [seen(sample), [sample.count, sample.value]])),
      new Map([...expected].map(([key, rows]) => [key, [rows.length, 10 * rows.length]])),
    );
    assertEquals(samples.length, expected.size);
  }));
});

Deno.test("WindowSum.build() has one holder for its waits and its holds, of all drains", () => {
  const sum = new WindowSum();
  for (let drain = 0; drain < 2; drain++) {
    const holder = { pid: 1, comm: "a", user: [-1], kernel: [2 ** 47] };
    const amounts = { maxNs: 5, histogram: [0, 0, 1], hints: 1 << drain };
    const wait = {
      type: "futex",
      outcome: "woken" as const,
      count: 1,
      delayNs: 5,
      value: 2,
      address: BigInt(drain),
    };
    const locks = [{ ...amounts, ...wait, waiter: { ...holder, pid: 2 }, holder }] as const;
    sum.add(
      { samples: [], locks: [...locks, { ...locks[0], holder: EARLIER_HOLDERS }], losses: new Map() },
      identity,
    );
    sum.add({
      samples: [],
      holds: [{ ...amounts, hints: 0, holder, count: 1, totalNs: 5 }],
      losses: new Map(),
    }, identity);
  }
  const { locks, holds } = sum.build();
  assertEquals([locks.length, holds.length], [2, 1]);
  assertStrictEquals(locks[0]!.holder, holds[0]!.holder);
  assertStrictEquals(locks[1]!.holder, EARLIER_HOLDERS);
  assertStrictEquals(locks[0]!.waiter, locks[1]!.waiter);
  const { count, delayNs, hints, address, histogram } = locks[0]!;
  assertEquals([count, delayNs, address, histogram], [2, 10, 0n, [0, 0, 2]]);
  assertEquals(hints, 3 | HINT.severalAddresses);
});
