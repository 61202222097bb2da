// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { lossText, seriousLoss } from "./losses.ts";

Deno.test("lossText() says what was lost, and what is incomplete", () => {
  assertEquals(
    lossText({ counts_map_full: 1200, user_stack_truncated: 3 }),
    "1\u2009200 lost: the kernel's maps were full; 3 incomplete (user_stack_truncated)",
  );
  assertEquals(lossText({}), "nothing");
});

Deno.test("seriousLoss() tells from a share on, with what helps", () => {
  const losses = { counts_map_full: 2, user_stack_truncated: 500 };
  assertEquals(seriousLoss(losses, { counted: 98, least: 0.03 }), undefined);
  const loss = seriousLoss(losses, { counted: 98, least: 0.02 })!;
  assertEquals([loss.share, loss.cure], [0.02, "give the agent more: --bpf-memory 128MiB"]);
});
