// SPDX-License-Identifier: Apache-2.0
import { getLogger } from "@logtape/logtape";
import { assertEquals } from "@std/assert";
import { collectLogs } from "../tests/support/log.ts";
import { Burst } from "./log.ts";

Deno.test("Burst warns once a burst, with how many were hidden in the last one", async () => {
  await using logs = await collectLogs();
  let now = 0;
  const burst = new Burst(getLogger(["aperture", "test"]), { window: 600_000, clock: () => now });
  for (const seconds of [0, 1, 500, 601, 602]) {
    now = seconds * 1000;
    burst.warn("a", `At ${seconds}`);
  }
  burst.warn("b", "Another");
  burst.clear("a");
  burst.warn("a", "Again");
  const warnings = logs.lines.filter((line) => line.startsWith("warn"));
  assertEquals(warnings.map((line) => line.replace(/^\S+ /, "")), [
    "At 0",
    "At 601 (and 2 more in the 10 min before)",
    "Another",
    "Again",
  ]);
});
