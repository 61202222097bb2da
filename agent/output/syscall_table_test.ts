// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import type { Profile } from "../../profile/model.ts";
import type { SyscallRow } from "../../profile/syscalls.ts";
import { anyRecording } from "../../tests/support/profiles.ts";
import { columnsOf } from "./fit.js";
import { syscallTable } from "./syscall_table.ts";

const CALL: Omit<SyscallRow, "series" | "call" | "category"> = {
  count: 4,
  total: 8000,
  min: 1000,
  max: 4000,
  errors: new Map(),
  histogram: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1],
  open: 0,
  oldest: 0,
};

function profileOf(...rows: Partial<SyscallRow>[]): Profile {
  const builder = new ProfileBuilder();
  for (const row of rows) {
    const series = builder.series({ pid: row.series ?? 1 });
    builder.addSyscall({ ...CALL, call: "read", category: "file", ...row, series });
  }
  return builder.build();
}

Deno.test("syscallTable() shows calls of all processes together, the longest first, and their total", () => {
  const profile = profileOf(
    { series: 1, call: "read" },
    { series: 2, call: "read", max: 8000, errors: new Map([[11, 1], [4, 1]]) },
    { call: "openat", total: 48_000, min: 1_000, max: 2_500_000, errors: new Map([[2, 4]]) },
    { call: "poll", category: "wait", total: 1e9 },
  );
  assertEquals(
    syscallTable(profile),
    ` % time    total  calls  errors      p50      p90      p99      max  call
 75.0 %  48.0 µs      4       4  1.54 µs  3.28 µs  4.01 µs  2.50 ms  openat
 25.0 %  16.0 µs      8       2  1.54 µs  3.28 µs  4.01 µs  8.00 µs  read
100.0 %  64.0 µs     12       6  1.54 µs  3.28 µs  4.01 µs  2.50 ms  total
idle hidden: 1.00 s of 4 calls
`,
  );
});

Deno.test("syscallTable() shows calls that wait where asked for, and nothing of none", () => {
  const profile = profileOf({ call: "poll", category: "wait" });
  assertEquals(syscallTable(profile), "idle hidden: 8.00 µs of 4 calls\n");
  assertEquals(syscallTable(profile, { idle: true }).split("\n").length, 4);
  assertEquals(syscallTable(profileOf()), "");
});

Deno.test("syscallTable() shows calls that did not end, and how old the oldest is", () => {
  const none = { count: 0, min: 0, max: 0, histogram: [] };
  const profile = profileOf(
    { series: 1, call: "read", ...none, total: 9e9, open: 2, oldest: 60e9 },
    { series: 2, call: "read", ...none, total: 1e9, open: 1, oldest: 1e9 },
    { call: "openat" },
  );
  assertEquals(
    syscallTable(profile),
    ` % time    total  calls  errors      p50      p99      max  open    oldest  call
100.0 %   10.0 s      0                                        3  1.00 min  read
 <0.1 %  8.00 µs      4          1.54 µs  4.00 µs  4.00 µs                  openat
100.0 %   10.0 s      4          1.54 µs  4.00 µs  4.00 µs     3  1.00 min  total
`,
  );
});

Deno.test("syscallTable() sums what it does not show", () => {
  const profile = profileOf(...Array.from({ length: 5 }, (_, i) => ({ call: `call${i}`, total: 8000 - i })));
  const lines = syscallTable(profile, { limit: 2 }).trimEnd().split("\n");
  assertEquals(lines.map((line) => line.split("  ").at(-1)), [
    "call",
    "call0",
    "call1",
    "3 other calls",
    "total",
  ]);
  assert(/ 24\.0 µs +12 /.test(lines[3]!), lines[3]!);
  // The last one needs no more room than a sum of one.
  assert(syscallTable(profile, { limit: 4 }).includes("call4"));
});

Deno.test("syscallTable() keeps to the terminal's width, with colours and without", () => {
  fc.assert(fc.property(anyRecording, fc.integer({ min: 160, max: 220 }), (profile, width) => {
    const plain = syscallTable(profile, { idle: true, width });
    for (const line of plain.split("\n")) assert(columnsOf(line) <= width, line);
    const colored = syscallTable(profile, { idle: true, width, colors: true });
    // deno-lint-ignore no-control-regex
    assertEquals(colored.replaceAll(/\x1b\[\d+m/g, ""), plain);
  }));
});
