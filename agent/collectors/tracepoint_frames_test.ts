// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { tracepointRanges, withoutTracepoint } from "./tracepoint_frames.ts";

const KALLSYMS = `ffffffff81000000 T _text
ffffffff81001000 T __traceiter_contention_begin
ffffffff81001100 T __pfx_next
ffffffff81002000 t __bpf_trace_contention_begin
ffffffff81002010 t __bpf_trace_contention_end
ffffffff81003000 T bpf_trace_run2
ffffffff81003200 T bpf_trace_run3
ffffffff81003300 t other
`;

Deno.test("tracepointRanges() finds the functions of the tracepoint, and of no other", () => {
  const ranges = tracepointRanges(KALLSYMS, "contention_begin");
  assertEquals(ranges.map(({ start }) => start & 0xffff), [0x1000, 0x2000, 0x3000]);
  assertEquals(ranges.map(({ end }) => end & 0xffff), [0x1100, 0x2010, 0x3200]);
});

Deno.test("tracepointRanges() finds nothing where the kernel hides its addresses", () => {
  assertEquals(
    tracepointRanges(KALLSYMS.replaceAll(/^[0-9a-f]{16}/gm, "0".repeat(16)), "contention_begin"),
    [],
  );
});

Deno.test("withoutTracepoint() leaves out all frames up to the tracepoint's last", () => {
  const ranges = [{ start: 100, end: 200 }, { start: 300, end: 400 }];
  assertEquals(withoutTracepoint([9000, 150, 350, 5, 6], ranges), [5, 6]);
  assertEquals(withoutTracepoint([9000, 400, 5], ranges), [5]);
  assertEquals(withoutTracepoint([5, 6], ranges), [5, 6]);
  assertEquals(withoutTracepoint([1, 2, 3, 4, 5, 6, 150], ranges), [1, 2, 3, 4, 5, 6, 150]);
  assertEquals(withoutTracepoint([], ranges), []);
});

testWith(["bpf"], "tracepointRanges() finds what runs programs on this kernel", () => {
  assert(tracepointRanges(Deno.readTextFileSync("/proc/kallsyms"), "sys_enter").length > 0);
});
