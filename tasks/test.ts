/**
 * Runs the tests and ends with one line of their counts: `12 passed, 0 failed`, and `, 3 skipped` where some were.
 *
 * `deno task test` takes what `deno test` takes: paths, `--filter`, …
 *
 * @module
 */

import { build } from "./build.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Counts the tests of each outcome. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Adds up the suites of a JUnit report as `deno test` writes it. */
export function countReport(xml: string): Counts {
  const suites = [...xml.matchAll(/<testsuite\s([^>]*)>/g)].map(([, attributes]) => attributes!);
  const sum = (name: string) => {
    const values = suites.map((attributes) =>
      Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0)
    );
    return values.reduce((a, b) => a + b, 0);
  };
  const failed = sum("failures") + sum("errors");
  const skipped = sum("disabled") + sum("skipped");
  return { passed: sum("tests") - failed - skipped, failed, skipped };
}

/** Returns the closing line. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
}

async function main(args: string[]): Promise<number> {
  await build();
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "--quiet",
        "--allow-all",
        "--frozen",
        "--no-check",
        "--sanitize-ops",
        "--sanitize-resources",
        `--junit-path=${report}`,
        ...args,
      ],
      cwd: ROOT,
      stdout: "inherit",
      stderr: "inherit",
    }).spawn().status;
    const counts = countReport(await Deno.readTextFile(report));
    // A module that does not load fails the run and is no test in the report.
    const failed = code !== 0 && counts.failed === 0 ? 1 : counts.failed;
    await Deno.stdout.write(new TextEncoder().encode(`${formatCounts({ ...counts, failed })}\n`));
    return code;
  } finally {
    await Deno.remove(report);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
