// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { progressText, readingText } from "./progress.ts";

Deno.test("progressText() tells how long is left, or how to stop", () => {
  assertEquals(progressText(3200, 1234, 10_000), "profiling: 3 of 10 s, 1,234 samples");
  assertEquals(progressText(3200, 0), "profiling: 3 s, 0 samples; Ctrl-C stops and writes");
});

Deno.test("readingText() says what is done before the clock starts", () => {
  assertEquals(readingText(3120, 212), "reading 212 files… 3.1 s");
  assertEquals(readingText(0, 1), "reading 1 file… 0.0 s");
});
