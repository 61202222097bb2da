// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { headLine, lostOf } from "./head.ts";

const kinds = [
  { kind: "cpu", total: { value: 1e9, count: 90 } },
  { kind: "syscall", total: { value: 1e9, count: 1000 } },
] as const;

Deno.test("lostOf() counts what may be of the kind, and says where it may be of another", () => {
  const losses = new Map([["counts_map_full", 10], ["syscalls_map_full", 1000], ["user_stack_failed", 5]]);
  assertEquals(lostOf("cpu", { losses, kinds }), { share: 0.1, atMost: false });
  assertEquals(lostOf("syscall", { losses, kinds }), { share: 0.5, atMost: false });
  assertEquals(lostOf("lock", { losses, kinds }), { share: 1, atMost: true });
  assertEquals(lostOf("cpu", { losses: new Map([["push_dropped", 10]]), kinds }), {
    share: 0.1,
    atMost: true,
  });
});

Deno.test("headLine() says what an answer rests on", () => {
  const selection = {
    ...{ kind: "cpu", match: "", idle: false } as const,
    from: "2026-01-31T15:00:00.000Z",
    to: "2026-01-31T15:15:00.000Z",
  };
  const around = { nodes: 3, lost: { share: 0.003, atMost: false }, whole: 0.99 };
  const total = { value: 3780e9, count: 1 };
  const line = (now: string) =>
    headLine({ selection, written: "service=shop", total, around, now: Date.parse(now) });
  const rest = "15:00–15:15 UTC · 3 nodes · 4.2 cores · 0.3 % lost · 99.0 % whole";
  assertEquals(line("2026-01-31T16:00:00Z"), `cpu · service=shop · ${rest}`);
  assertEquals(line("2026-02-01T16:00:00Z"), `cpu · service=shop · 2026-01-31 ${rest}`);
});
