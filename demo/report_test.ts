// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { setColorEnabled } from "@std/fmt/colors";
import { report } from "./report.ts";

const total = { value: 4e9, count: 400 };

Deno.test("report() shows shares, samples and what was lost", () => {
  setColorEnabled(false);
  const rows = [{
    function: "mandelbrot",
    module: "/tmp/workload",
    self: { value: 1e9, count: 100 },
    total: { value: 3e9, count: 300 },
  }];
  assertEquals(
    report({ rows, total, batches: 7, losses: new Map([["counts_map_full", 3], ["push_dropped", 0]]) }).split(
      "\n",
    )
      .slice(1),
    [
      "The hottest functions of this machine, as stored",
      "     self    total  function",
      "   25.0 %   75.0 %  mandelbrot  workload",
      "",
      "400 samples, 4.0 s of CPU time, in 7 batches; 3 lost (counts_map_full 3)",
    ],
  );
});

Deno.test("report() says that nothing was lost", () => {
  assertEquals(report({ rows: [], total, batches: 1, losses: new Map() }).endsWith("nothing lost"), true);
});
