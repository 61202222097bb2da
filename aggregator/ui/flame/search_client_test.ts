// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { runProgram } from "../../../tests/support/child.ts";

const PROGRAM = import.meta.resolve("../../../tests/support/endless_searches.ts");

Deno.test("match() ends an expression without end, answers the last question, and says what is wrong with one", async (t) => {
  const { stdout, stderr } = await runProgram(Deno.execPath(), ["run", "--quiet", "--allow-read", PROGRAM]);
  const [after, faults] = stdout.trim().split("\n").map((line) => JSON.parse(line || "{}"));
  await t.step("match() answers the question after one that has no end", () => {
    assertEquals(after?.answers, {
      first: { matches: [0, 0, 1] },
      endless: "none",
      skipped: "none",
      last: { matches: [1, 0, 0] },
      // The new worker was told the names again, and is asked on.
      next: { matches: [0, 0, 1] },
    }, stderr);
    assertEquals(after.started, 2);
  });
  await t.step("match() says what is wrong with an expression, and goes on", () => {
    assertEquals(faults?.answers, {
      wrong: { problem: "no regular expression" },
      endless: { problem: "takes too long" },
      next: { matches: [1] },
    }, stderr);
  });
});
