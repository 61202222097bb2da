import { assertEquals } from "@std/assert";
import { countReport, formatCounts } from "./test.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="7" failures="2" errors="0" time="0.005">
  <testsuite name="a_test.ts" tests="5" disabled="1" errors="0" failures="2">
    <testcase name="tests=&quot;9&quot; failures" classname="a_test.ts"></testcase>
  </testsuite>
  <testsuite name="b_test.ts" tests="2" disabled="0" errors="0" failures="0"></testsuite>
</testsuites>`;

Deno.test("countReport() adds up the suites", () => {
  assertEquals(countReport(REPORT), { passed: 4, failed: 2, skipped: 1 });
});

Deno.test("formatCounts() names the skipped only where there are some", () => {
  assertEquals(formatCounts({ passed: 4, failed: 2, skipped: 1 }), "4 passed, 2 failed, 1 skipped");
  assertEquals(formatCounts({ passed: 4, failed: 0, skipped: 0 }), "4 passed, 0 failed");
});
