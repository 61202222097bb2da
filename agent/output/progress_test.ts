import { assertEquals } from "@std/assert";
import { progressText } from "./progress.ts";

Deno.test("progressText() tells how long is left, or how to stop", () => {
  assertEquals(progressText(3200, 1234, 10_000), "profiling: 3 of 10 s, 1,234 samples");
  assertEquals(progressText(3200, 0), "profiling: 3 s, 0 samples; Ctrl-C stops and writes");
});
