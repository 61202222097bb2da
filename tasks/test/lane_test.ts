// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { type Ended, runLane } from "./lane.ts";

/** Runs files of tests, by name, as one lane whose output is held back. */
async function run(
  files: Readonly<Record<string, string>>,
  filter?: string,
): Promise<Ended> {
  using folder = new TempFolder();
  folder.write("deno.json", "{}");
  for (const [name, source] of Object.entries(files)) folder.write(name, source);
  const options = { root: folder.path, folder: folder.path, filter, flags: [], env: {}, isBackground: true };
  return await runLane("serial", Object.keys(files), options);
}

const GOOD = `Deno.test("is good", () => {});`;

Deno.test("runLane() of files that pass has no faults, and their output", async () => {
  const { report, faults, output } = await run({ "a_test.ts": GOOD, "b_test.ts": GOOD });
  assertEquals([report.counts, faults], [{ passed: 2, failed: 0, skipped: 0 }, []]);
  assertEquals(output.match(/is good/g)?.length, 2);
});

Deno.test("runLane() counts what fails, once", async () => {
  const { report, faults } = await run({ "a_test.ts": `Deno.test("fails", () => { throw 1; });` });
  assertEquals([report.counts, faults], [{ passed: 0, failed: 1, skipped: 0 }, []]);
});

Deno.test("runLane() tells of files that throw when they are loaded, beside others that pass or fail", async () => {
  const bad = `throw new Error("no");`;
  const { report, faults } = await run({ "a_test.ts": GOOD, "b_test.ts": bad });
  assertEquals([report.counts, faults], [{ passed: 1, failed: 0, skipped: 0 }, [
    "b_test.ts: none of its tests ran to an end",
  ]]);
});

Deno.test("runLane() tells of a lane in which one imports what is not there", async () => {
  const { report, faults } = await run({ "a_test.ts": GOOD, "b_test.ts": `import "./nowhere.ts";` });
  assertEquals(report.counts, { passed: 0, failed: 0, skipped: 0 });
  assertEquals(faults, ["the serial lane ended by status 1, and has no result of its 2 files"]);
});

Deno.test("runLane() tells of a lane that is killed, under a filter too", async () => {
  const files = { "a_test.ts": `Deno.test("dies", () => Deno.kill(Deno.pid, "SIGKILL"));` };
  const end = "the serial lane ended by SIGKILL";
  assertEquals((await run(files)).faults, [`${end}, and has no result of its 1 files`]);
  assertEquals((await run(files, "dies")).faults, [`${end}, though no test failed`]);
});

Deno.test("runLane() of many files has the tests of each by its file, and tells which do not load", async () => {
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`m${i}_test.ts`, GOOD]));
  const { report, faults, output } = await run({
    ...many,
    "m3_test.ts": `Deno.test("fails", () => { throw 1; });`,
    "m4_test.ts": `throw new Error("no");`,
    "m5_test.ts": `import "./nowhere.ts";`,
    "m6_test.ts": "",
  });
  assertEquals(report.counts, { passed: 16, failed: 3, skipped: 0 });
  const failed = report.cases.filter(({ failure }) => failure !== undefined);
  assertEquals(failed.map(({ file, name }) => [file, name]).sort(), [
    ["m3_test.ts", "fails"],
    ["m4_test.ts", "the file is loaded"],
    ["m5_test.ts", "the file is loaded"],
  ]);
  assertEquals(
    report.cases.map(({ file }) => file).sort(),
    Object.keys(many).filter((file) => file !== "m6_test.ts").sort(),
  );
  assertEquals(faults, ["m6_test.ts: none of its tests ran to an end"]);
  assertEquals(output.match(/is good/g)?.length, 16);
});
