// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { totalOf } from "../../profile/model.ts";
import { anyProfile, demoFrame, demoProfile } from "../../tests/support/profiles.ts";
import { columnsOf } from "./fit.js";
import { stackEndsLine, summaryLine, topFunctions, topTable, unreadLine } from "./top_table.ts";

Deno.test("topFunctions() counts a function that calls itself once", () => {
  const builder = new ProfileBuilder();
  const [a, b, other] = [1, 2, 3].map((address) =>
    builder.frame(demoFrame(address < 3 ? "f" : "g", { address }))
  );
  builder.add("cpu", builder.series({}), builder.stack([a!, other!, b!]), 10, 1);
  builder.add("cpu", builder.series({}), builder.stack([other!]), 4, 1);
  builder.add("lock", builder.series({}), builder.stack([other!]), 99, 1);
  assertEquals(topFunctions(builder.build(), { kind: "cpu" }), [
    { function: "f", module: "/bin/demo", self: 10, total: 10 },
    { function: "g", module: "/bin/demo", self: 4, total: 14 },
  ]);
});

Deno.test("topFunctions() shares out what has a stack, and no more", () => {
  fc.assert(fc.property(anyProfile, (profile) => {
    const rows = topFunctions(profile, { kind: "cpu", limit: Infinity });
    const whole = totalOf(profile, "cpu").value;
    assert(rows.reduce((sum, { self }) => sum + self, 0) <= whole);
    assert(rows.every(({ self, total }) => self <= total && total <= whole));
  }));
});

Deno.test("topTable() fits into the terminal and keeps the ends of what it cuts", () => {
  const builder = new ProfileBuilder();
  const module = "/usr/lib/x86_64-linux-gnu/libexample.so.6";
  const frame = builder.frame(demoFrame(`std::vector<${"int, ".repeat(30)}>::push_back`, { module }));
  builder.add("cpu", builder.series({}), builder.stack([frame]), 10, 1);
  const lines = topTable(builder.build(), { kind: "cpu", width: 80 }).trimEnd().split("\n");
  assert(lines.every((line) => columnsOf(line) <= 80));
  assertMatch(lines[1]!, /^100\.0 % {2}100\.0 % {2}std::vector<.*….*>::push_back {2}\/usr\/lib.*….*\.so\.6$/);
});

Deno.test("topTable() writes escapes only when it has colours, and never those of a name", () => {
  const builder = new ProfileBuilder();
  const frame = builder.frame(demoFrame("evil\x1b[2J\u202e\n"));
  builder.add("cpu", builder.series({}), builder.stack([frame]), 10, 1);
  const plain = topTable(builder.build(), { kind: "cpu" });
  assertMatch(plain, /evil\ufffd\[2J\ufffd\ufffd /);
  // deno-lint-ignore no-control-regex -- escapes are what it is about
  assert(!/[\x00-\x09\x0b-\x1f]/.test(plain));
  assertEquals(topTable(new ProfileBuilder().build(), { kind: "cpu" }), "");
});

Deno.test("summaryLine() names samples, seconds and losses", () => {
  const losses = new Map([["user_stack", 3], ["map_full", 1200], ["none", 0]]);
  assertEquals(
    summaryLine(demoProfile(), { kind: "cpu", durationNs: 10e9, losses }),
    "30 samples in 10.0 s: 300 ms of CPU time, 1,200 lost (map_full 1,200), 3 incomplete (user_stack 3)",
  );
  assertEquals(
    summaryLine(demoProfile(), { kind: "lock", durationNs: 10e9 }),
    "3 waits in 10.0 s: 7.00 s of waiting, nothing lost",
  );
});

Deno.test("stackEndsLine() says how many stacks are whole, and why others are not", () => {
  assertEquals(stackEndsLine(new Map()), "");
  assertEquals(stackEndsLine(new Map([["complete", 5]])), "100.0 % of user stacks whole");
  assertEquals(
    stackEndsLine(new Map([["read_fault", 1], ["complete", 992], ["no_page", 7]])),
    "99.2 % of user stacks whole; cut: no_page 7, read_fault 1",
  );
});

Deno.test("unreadLine() says how many places have no name for want of time", () => {
  assertEquals([0, 1, 1200].map(unreadLine), [
    "",
    "1 place is shown by module and offset: there was no time to read what has their names",
    "1,200 places are shown by module and offset: there was no time to read what has their names",
  ]);
});
