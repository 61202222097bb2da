// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { LOSSES, SAMPLE_LOSSES } from "./libbpf/mod.ts";
import { lossesText, splitLosses } from "../profile/losses.ts";

Deno.test("lossesText() tells what is lost from what is incomplete, the largest first", () => {
  assertEquals(lossesText(new Map()), "nothing lost");
  assertEquals(lossesText(new Map([["counts_map_full", 0]])), "nothing lost");
  assertEquals(
    lossesText(new Map([["user_stack_truncated", 1], ["push_dropped", 2], ["counts_map_full", 1200]])),
    "1,202 lost (counts_map_full 1,200, push_dropped 2), 1 incomplete (user_stack_truncated 1)",
  );
  assertEquals(
    lossesText(new Map([["kernel_stack_failed", 2]])),
    "nothing lost, 2 incomplete (kernel_stack_failed 2)",
  );
});

Deno.test("splitLosses() agrees with the kernel side about what costs a sample", () => {
  const { lost } = splitLosses(new Map(LOSSES.map((reason) => [reason, 1])));
  assertEquals(new Set(lost.keys()), new Set<string>(SAMPLE_LOSSES));
});
