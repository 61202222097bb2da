// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { boundArguments } from "./relaunch.ts";

const FLAGS =
  "--max-old-space-size=80,--max-semi-space-size=4,--single-threaded-gc,--optimize-for-size,--heap-growing-percent=25,--no-memory-pool,--max-opt=2";
const bound = (...args: string[]) => boundArguments(args, { heapBytes: 80 << 20, bundle: () => undefined });

Deno.test("boundArguments() puts V8's bounds before all else, and beside the flags that were given", () => {
  assertEquals(bound("/usr/bin/deno", "run", "--quiet", "agent/main.ts", "--mode", "all"), [
    ...["deno", "run", `--v8-flags=${FLAGS}`, "--quiet", "agent/main.ts", "--mode", "all"],
  ]);
  assertEquals(bound("deno", "run", "--v8-flags=--perf-basic-prof", "-A", "agent/main.ts", "--v8-flags=x"), [
    ...["deno", "run", `--v8-flags=--perf-basic-prof,${FLAGS}`, "-A", "agent/main.ts", "--v8-flags=x"],
  ]);
});

Deno.test("boundArguments() has none where the heap is bound already, or another program runs", () => {
  assertEquals(bound("deno", "run", `--v8-flags=${FLAGS}`, "agent/main.ts"), undefined);
  assertEquals(bound("deno", "run", "--v8-flags=--max-old-space-size=500", "agent/main.ts"), undefined);
  assertEquals(bound("aperture-agent", "--mode", "all"), undefined);
  assertEquals(bound("deno", "eval", "run"), undefined);
  // What stands behind the program is not Deno's.
  assertEquals(bound("deno", "run", "main.ts", "--max-old-space-size=1")?.length, 5);
});

Deno.test("boundArguments() runs the bundle in place of the script, but not where an inspector looks at that", () => {
  const bound = (...args: string[]) => boundArguments(args, { heapBytes: 80 << 20, bundle: () => "/b.js" });
  assertEquals(bound("/usr/bin/deno", "run", "--quiet", "agent/main.ts", "agent/main.ts"), [
    ...["deno", "run", `--v8-flags=${FLAGS}`, "--quiet", "/b.js", "agent/main.ts"],
  ]);
  assertEquals(bound("deno", "run", "--v8-flags=--x", "main.ts")?.at(-1), "/b.js");
  assertEquals(bound("deno", "run", "--inspect=127.0.0.1:9", "main.ts", "-m", "all")?.at(-3), "main.ts");
  assertEquals(bound("deno", "run", "--quiet")?.at(-1), "--quiet");
});
