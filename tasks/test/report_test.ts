// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import {
  filesWithout,
  formatCounts,
  formatFailed,
  formatSlowest,
  readReport,
  slowest,
  sumCounts,
} from "./report.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="7" failures="2" errors="0" time="0.005">
  <testsuite name="./a_test.ts" tests="5" disabled="1" errors="0" failures="2">
    <testcase name="tests=&quot;9&quot; failures &lt;a&gt;" classname="./a_test.ts" time="1.5" line="3" col="6"></testcase>
    <testcase name="slow" classname="./a_test.ts#" time="20.04" line="9" col="1"></testcase>
    <testcase name="slow &gt; a step" classname="./a_test.ts" time="19.1" line="12" col="1"></testcase>
  </testsuite>
  <testsuite name="./b_test.ts" tests="2" disabled="0" errors="0" failures="0">
    <testcase name="quick" classname="./b_test.ts" time="0.999" line="1" col="6"></testcase>
  </testsuite>
</testsuites>`;

Deno.test("readReport() adds up the suites, and reads each test's name and place", () => {
  const { counts, cases } = readReport(REPORT);
  assertEquals(counts, { passed: 4, failed: 2, skipped: 1 });
  assertEquals(cases[0], { name: 'tests="9" failures <a>', file: "a_test.ts", line: 3, seconds: 1.5 });
  assertEquals(cases.map(({ file }) => file), ["a_test.ts", "a_test.ts", "a_test.ts", "b_test.ts"]);
});

Deno.test("readReport() of a lane that left no report has no tests", () => {
  assertEquals(readReport(""), { counts: { passed: 0, failed: 0, skipped: 0 }, cases: [] });
});

Deno.test("slowest() has tests of a second or more, without their steps", () => {
  const { cases } = readReport(REPORT);
  assertEquals(
    formatSlowest(slowest(cases)),
    '  20.0 s  a_test.ts:9  slow\n   1.5 s  a_test.ts:3  tests="9" failures <a>\n',
  );
  assertEquals(slowest(cases, 1).map(({ name }) => name), ["slow"]);
});

Deno.test("formatFailed() tells what failed with its message, and that more did than the report marks", () => {
  const cancelled = (name: string) =>
    `<testcase name="${name}" classname="./a_test.ts" time="0" line="5" col="6">
      <error message="Cancelled"/></testcase>`;
  const xml = `<testsuite name="./a_test.ts" tests="5" failures="4">
    <testcase name="a &amp; b" classname="./a_test.ts" time="0.1" line="3" col="6">
      <failure message="Uncaught Error: one
 &lt;two&gt;">Error: one</failure>
    </testcase>
    <testcase name="leaks" classname="./a_test.ts" time="0.1" line="4" col="6"></testcase>
    ${cancelled("later")}${cancelled("last")}
  </testsuite>`;
  assertEquals(
    formatFailed(readReport(xml)),
    "FAILED: a_test.ts:3  a & b\n          Uncaught Error: one\n           <two>\n" +
      "FAILED: 2 that did not run, as nobody caught an error before them, which the output above has\n" +
      "FAILED: 1 for what they left open or began, which the output above names\n",
  );
  assertEquals(formatFailed(readReport("")), "");
});

Deno.test("filesWithout() names files that have no test in the report", () => {
  assertEquals(filesWithout(["a_test.ts", "b_test.ts", "c_test.ts"], readReport(REPORT)), ["c_test.ts"]);
});

Deno.test("formatCounts() names the skipped only where there are some", () => {
  const some = { passed: 4, failed: 2, skipped: 1 };
  assertEquals(formatCounts(some), "4 passed, 2 failed, 1 skipped");
  assertEquals(formatCounts({ ...some, skipped: 0 }), "4 passed, 2 failed");
  assertEquals(sumCounts([some, some]), { passed: 8, failed: 4, skipped: 2 });
});
