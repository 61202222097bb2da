// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { collectLogs } from "../tests/support/log.ts";
import { LOSSES } from "./libbpf/mod.ts";
import { LossReport } from "./loss_report.ts";
import { lossWords } from "./loss_words.ts";

Deno.test("lossWords() has words for every loss of the kernel side", () => {
  for (const loss of [...LOSSES, "reading_failed", "naming_failed"]) {
    const words = lossWords(loss, 1204);
    assert(words.startsWith("1,204 ") && !words.includes(loss), words);
  }
});

Deno.test("LossReport.add() says what was lost at once, then once a minute, and not what is too little", async () => {
  await using logs = await collectLogs();
  let now = 0;
  const report = new LossReport(() => now);
  const window = (events: number, losses: [string, number][]) => {
    now += 10_000;
    report.add(events, new Map(losses));
  };
  window(1000, []);
  window(1_000_000, [["counts_map_full", 3], ["user_stack_truncated", 999]]);
  assertEquals(logs.lines, []);
  window(1000, [["syscalls_map_full", 500], ["counts_map_full", 1]]);
  assertEquals(logs.lines, [
    "warning: Lost in the last 10.0 s: 500 system calls, as the kernel's maps were full: raise --bpf-memory " +
    "(APERTURE_BPF_MEMORY); 1 sample, as the kernel's maps were full: raise --bpf-memory (APERTURE_BPF_MEMORY)",
  ]);
  for (let i = 0; i < 6; i++) window(1000, [["syscalls_map_full", 1000]]);
  assertEquals(logs.lines.length, 2);
  assert(logs.lines[1]!.includes("Lost in the last 60.0 s: 6,000 system calls"), logs.lines[1]);
});
