// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { syscallAt, type SyscallRow } from "../../profile/syscalls.ts";
import { CallTable } from "./call_table.ts";
import type { ProgramOf, RawSyscall } from "./collector.ts";

const identity = (process: ProgramOf) => process;
const ended = fc.record({
  pid: fc.integer({ min: 1, max: 3 }),
  program: fc.constantFrom(0, 7, 2 ** 32 - 1),
  comm: fc.constantFrom("a", "b", ""),
  call: fc.constantFrom("read", "write"),
  bucket: fc.nat(47),
  calls: fc.integer({ min: 1, max: 9 }),
  ns: fc.integer({ min: 1, max: 2 ** 40 }),
});

Deno.test("CallTable has a row for each process, program, name and call, with the sums of what was added to it", () => {
  fc.assert(fc.property(fc.array(ended, { maxLength: 300 }), (added) => {
    const table = new CallTable();
    for (const { pid, program, comm, call, bucket, calls, ns } of added) {
      const row = table.row({ pid, program }, table.text(comm), table.text(call));
      table.addBucket(row, bucket, calls);
      table.addEnded(row, { calls, totalNs: calls * ns, minNs: ns, maxNs: ns });
      table.addErrors(row, bucket, calls);
    }
    const keyOf = ({ pid, program, comm, call }: Pick<RawSyscall, "pid" | "program" | "comm" | "call">) =>
      `${pid} ${program} ${comm} ${call}`;
    const groups = Map.groupBy(added, keyOf);
    const rows = [...table];
    assertEquals(rows.map(keyOf), [...groups.keys()]);
    for (const [i, group] of [...groups.values()].entries()) {
      const { count, totalNs, minNs, maxNs, histogram, errors } = rows[i]!;
      const sum = (of: (one: typeof group[number]) => number) => group.reduce((sum, one) => sum + of(one), 0);
      assertEquals([count, totalNs], [sum(({ calls }) => calls), sum(({ calls, ns }) => calls * ns)]);
      assertEquals([minNs, maxNs], [
        Math.min(...group.map(({ ns }) => ns)),
        Math.max(...group.map(({ ns }) => ns)),
      ]);
      const inBucket = (bucket: number) => sum((one) => one.bucket === bucket ? one.calls : 0);
      assertEquals(histogram, Array.from({ length: histogram.length }, (_, bucket) => inBucket(bucket)));
      assertEquals(histogram.reduce((sum, calls) => sum + calls, 0), count);
      assertEquals(errors, new Map([...errors.keys()].map((bucket) => [bucket, inBucket(bucket)])));
    }
  }));
});

const row: fc.Arbitrary<RawSyscall> = fc.record({
  pid: fc.integer({ min: 1, max: 5 }),
  program: fc.constantFrom(0, 7, 2 ** 32 - 1),
  comm: fc.constantFrom("a", "b", ""),
  call: fc.constantFrom("read", "write"),
  count: fc.nat(3),
  errors: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9 })))
    .map((errors) => new Map(errors)),
  totalNs: fc.nat(1000),
  minNs: fc.nat(1000),
  maxNs: fc.nat(1000),
  histogram: fc.array(fc.nat(3), { maxLength: 48 }),
  open: fc.nat(2),
  oldestNs: fc.nat(1000),
});

Deno.test("CallTable.addAll() adds another table as it adds its rows", () => {
  fc.assert(fc.property(fc.array(fc.array(row)), fc.integer({ min: 1, max: 6 }), (drains, from) => {
    const represent = (process: ProgramOf) => process.pid >= from ? { pid: from, program: 7 } : process;
    const [byTable, byRow] = [new CallTable(), new CallTable()];
    // The next drain is in what the one before was in.
    const drained = new CallTable();
    for (const rows of drains) {
      drained.clear();
      drained.addAll(rows, identity);
      byTable.addAll(drained, represent);
      byRow.addAll([...drained], represent);
    }
    assertEquals([...byTable], [...byRow]);
  }));
});

Deno.test("CallTable.clear() leaves nothing of rows, few or many, to those that come", () => {
  const add = (table: CallTable, pid: number, bucket: number) => {
    const row = table.row({ pid }, table.text("a"), table.text(`call ${bucket}`));
    table.addBucket(row, bucket, 2);
    table.addErrors(row, bucket, 1);
    table.addEnded(row, { calls: 2, totalNs: 9, minNs: 4, maxNs: 5 });
    table.addOpen(row, { calls: 1, ns: 3, oldestNs: 8 });
  };
  const fresh = new CallTable();
  for (const pid of [1, 2]) add(fresh, pid, 3 - pid);
  for (const rows of [3, 100_000]) {
    const table = new CallTable();
    for (let pid = 0; pid < rows; pid++) add(table, pid, pid % 7);
    table.clear();
    assertEquals([...table], []);
    for (const pid of [1, 2]) add(table, pid, 3 - pid);
    assertEquals([...table], [...fresh]);
  }
});

Deno.test("CallTable has no row of which only errors are known", () => {
  const table = new CallTable();
  table.addErrors(table.row({ pid: 1 }, table.text("a"), table.text("read")), 2, 1);
  assertEquals([...table], []);
});

Deno.test("CallTable.of() has the rows that it is given, and is a table itself where they are one", () => {
  fc.assert(fc.property(fc.array(row), (rows) => {
    const table = CallTable.of(rows);
    const added = new CallTable();
    added.addAll(rows, identity);
    assertEquals([...table], [...added]);
    assertEquals(CallTable.of(table) === table, true);
  }));
});

Deno.test("ProfileBuilder.addSyscalls() adds rows of a table as addSyscall() adds each of them", () => {
  fc.assert(fc.property(fc.array(row), (rows) => {
    const table = CallTable.of(rows);
    const [byColumns, byRow] = [new ProfileBuilder(), new ProfileBuilder()];
    for (let source = 0; source < table.size; source++) {
      if (!table.hasCall(source)) continue;
      const series = byColumns.series({ pid: table.pid(source), comm: table.comm(source) });
      const of = { series, call: table.call(source), category: "file" };
      byColumns.addSyscalls(of, { columns: table.columns, source });
    }
    for (
      const { pid, comm, call, count, totalNs, minNs, maxNs, errors, histogram, open, oldestNs } of table
    ) {
      byRow.addSyscall({
        ...{ series: byRow.series({ pid, comm }), call, category: "file", count, total: totalNs, min: minNs },
        ...{ max: maxNs, errors, histogram, open, oldest: oldestNs },
      });
    }
    assertEquals(callsOf(byColumns), callsOf(byRow));
  }));
});

function callsOf(builder: ProfileBuilder): SyscallRow[] {
  const profile = builder.build();
  return Array.from(profile.syscalls.call, (_, row) => syscallAt(profile, row));
}
