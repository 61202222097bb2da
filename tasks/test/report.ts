// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what a lane of tests came to, from the JUnit report that `deno test` writes.
 *
 * @module
 */

/** Counts the tests of each outcome; a step counts as one. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** One test, or one step of a test. */
export interface TestCase {
  readonly name: string;
  /** It is registered here: the path from the repository's root. */
  readonly file: string;
  readonly line: number;
  readonly seconds: number;
  /** It failed with this message. Deno's report has none of a test that failed for what it left open. */
  readonly failure?: string;
}

export interface Report {
  readonly counts: Counts;
  /** Tests and their steps; a step's name begins with its test's, then ` > `. */
  readonly cases: readonly TestCase[];
}

/** Reads a report; of an empty text, as a lane that crashed leaves it, a report of no tests. */
export function readReport(xml: string): Report {
  const suites = [...xml.matchAll(/<testsuite\s([^>]*)>/g)].map(([, attributes]) => attributes!);
  const sum = (name: string) =>
    suites.reduce((all, attributes) => all + Number(attributeOf(attributes, name) ?? 0), 0);
  const failed = sum("failures") + sum("errors");
  const skipped = sum("disabled") + sum("skipped");
  const cases = [...xml.matchAll(/<testcase\s([^>]*)>(?:\s*<(?:failure|error)\s([^>]*)>)?/g)].map((
    [, attributes, failure],
  ) => ({
    name: attributeOf(attributes!, "name") ?? "",
    // `testWith()` adds the mark, see there.
    file: (attributeOf(attributes!, "classname") ?? "").replace(/^\.\//, "").replace(/#$/, ""),
    line: Number(attributeOf(attributes!, "line") ?? 0),
    seconds: Number(attributeOf(attributes!, "time") ?? 0),
    ...failure === undefined ? {} : { failure: attributeOf(failure, "message") ?? "" },
  }));
  return { counts: { passed: sum("tests") - failed - skipped, failed, skipped }, cases };
}

const ENTITIES: Readonly<Record<string, string>> = { quot: '"', apos: "'", lt: "<", gt: ">", amp: "&" };

function attributeOf(attributes: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1]
    ?.replace(/&(quot|apos|lt|gt|amp);/g, (_, entity: string) => ENTITIES[entity]!);
}

/** Gives the `limit` slowest tests that took a second or more, the slowest first; steps are in their test. */
export function slowest(cases: readonly TestCase[], limit = 15): TestCase[] {
  return cases.filter(({ name, seconds }) => seconds >= 1 && !isStep(name, cases))
    .sort((a, b) => b.seconds - a.seconds).slice(0, limit);
}

function isStep(name: string, cases: readonly TestCase[]): boolean {
  return cases.some((test) => name.startsWith(`${test.name} > `));
}

/** Gives one line for each of `cases`: ` 12.3 s  agent/x_test.ts:45  x() does y`. */
export function formatSlowest(cases: readonly TestCase[]): string {
  return cases.map(({ name, file, line, seconds }) => {
    return `${seconds.toFixed(1).padStart(6)} s  ${file}:${line}  ${name}\n`;
  }).join("");
}

/** So many lines of a message are told again at the end. */
const LINES_OF_FAILURE = 8;

/** Is Deno's message of a test that did not run any more, as an error before it was caught by nobody. */
const CANCELLED = "Cancelled";

/**
 * Gives what failed, with the beginning of its message, for who reads the end of a long output alone. What was cancelled,
 * and what the counts have and no test is marked with, is one line each.
 */
export function formatFailed({ counts, cases }: Report): string {
  const failed = cases.filter(({ failure }) => failure !== undefined);
  const cancelled = failed.filter(({ failure }) => failure === CANCELLED).length;
  const told = failed.filter(({ failure }) => failure !== CANCELLED).map(({ name, file, line, failure }) => {
    const lines = failure!.split("\n").filter((text) => text.trim() !== "").slice(0, LINES_OF_FAILURE);
    return `FAILED: ${file}:${line}  ${name}\n${lines.map((text) => `          ${text}\n`).join("")}`;
  });
  if (cancelled > 0) {
    told.push(
      `FAILED: ${cancelled} that did not run, as nobody caught an error before them, which the output above has\n`,
    );
  }
  const rest = counts.failed - failed.length;
  if (rest > 0) told.push(`FAILED: ${rest} for what they left open or began, which the output above names\n`);
  return told.join("");
}

/** Gives the files of `files` of which the report has no test: they did not load, or the lane ended before. */
export function filesWithout(files: readonly string[], { cases }: Report): string[] {
  const known = new Set(cases.map(({ file }) => file));
  return files.filter((file) => !known.has(file));
}

/** Adds counts up. */
export function sumCounts(counts: readonly Counts[]): Counts {
  return counts.reduce((all, { passed, failed, skipped }) => ({
    passed: all.passed + passed,
    failed: all.failed + failed,
    skipped: all.skipped + skipped,
  }), { passed: 0, failed: 0, skipped: 0 });
}

/** Gives the closing line: `12 passed, 0 failed`, and `, 3 skipped` where some were. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
}
