import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { RawSyscall } from "./collectors/collector.ts";
import { WindowSum } from "./window_sum.ts";

const call = fc.record({
  pid: fc.integer({ min: 1, max: 6 }),
  comm: fc.constantFrom("a", "b"),
  call: fc.constantFrom("read", "write"),
  count: fc.integer({ min: 1, max: 9 }),
  errors: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9 })), { maxLength: 2 })
    .map((errors) => new Map(errors)),
  totalNs: fc.nat(1000),
  minNs: fc.nat(100),
  maxNs: fc.nat(1000),
  histogram: fc.array(fc.nat(9), { maxLength: 5 }),
});

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
      assertEquals(row.minNs, Math.min(...rows.map((one) => one.minNs)));
      assertEquals(row.maxNs, Math.max(...rows.map((one) => one.maxNs)));
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

Deno.test("WindowSum.add() changes nothing of what it is given", () => {
  const row = { pid: 1, comm: "a", call: "read", count: 1, totalNs: 5, minNs: 5, maxNs: 5 };
  const syscalls = [{ ...row, errors: new Map([[2, 1]]), histogram: [0, 0, 1] }];
  const sum = new WindowSum();
  for (let i = 0; i < 2; i++) sum.add({ samples: [], syscalls, losses: new Map() }, (pid) => pid);
  assertEquals(syscalls, [{ ...row, errors: new Map([[2, 1]]), histogram: [0, 0, 1] }]);
  assertEquals(sum.build().syscalls[0]!.histogram, [0, 0, 2]);
});
