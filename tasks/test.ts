// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the tests in two lanes, and ends with the slowest of them and one line of their counts: `12 passed, 0 failed`,
 * and `, 3 skipped` where some were.
 *
 * `deno task test` takes what `deno test` takes: paths, `--filter`, …
 *
 * @module
 */

import { MemoryFolder } from "../tests/support/memory_folder.ts";
import { build } from "./build.ts";
import { type Ended, runLane } from "./test/lane.ts";
import { type Lane, laneOf } from "./test/lanes.ts";
import { formatCounts, formatFailed, formatSlowest, readReport, slowest, sumCounts } from "./test/report.ts";
import { filesWith, parseArguments, testFiles } from "./test/select.ts";
import { SharedServer } from "./test/shared.ts";
import { killMarked, MARK } from "./test/strays.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const LANES: readonly Lane[] = ["serial", "parallel"];
/** The output and the reports of the last run of all tests, and of the last run of some. */
const FOLDER = `${ROOT}.tools/tests`;
const TESTS_OF_KERNELS = "tests/kernels_test.ts";

async function main(args: readonly string[]): Promise<number> {
  const { paths, filter, flags } = parseArguments(args);
  const all = testFiles(ROOT, paths).map((path) => ({ path, source: Deno.readTextFileSync(absolute(path)) }));
  const chosen = filter === undefined ? undefined : new Set(filesWith(filter, all, lastNames()));
  const files = all.filter(({ path }) => chosen?.has(path) ?? true);
  await build();
  const mark = crypto.randomUUID();
  const ended = await withStrays(mark, async () => {
    using memory = new MemoryFolder();
    await using shared = SharedServer.start({ env: { [MARK]: mark }, folder: memory.path });
    if (filter === undefined && files.some(({ path }) => path === TESTS_OF_KERNELS)) shared.bootKernels();
    const lanes = LANES.map((lane) => {
      return { lane, files: files.filter(({ source }) => laneOf(source) === lane).map(({ path }) => path) };
    }).filter(({ files }) => files.length > 0);
    const whole = paths.length === 0 && filter === undefined;
    const folder = `${FOLDER}/${whole ? "whole" : "some"}`;
    await Deno.mkdir(folder, { recursive: true });
    const common = { [MARK]: mark, APERTURE_TEST_SHARED: shared.url };
    const [first, ...others] = lanes.map(({ lane, files }, i) => {
      // What agents watch is in the serial lane, and lies on a disk as elsewhere.
      const env = { ...common, ...lane === "parallel" && { TMPDIR: memory.path } };
      return runLane(lane, files, { root: ROOT, folder, filter, flags, env, isBackground: i > 0 });
    });
    return await Promise.all([first!, ...others]);
  });
  return conclude(ended);
}

/** Runs `run`, and kills what carries `mark` when it has ended or this program is told to end. */
async function withStrays<T>(mark: string, run: () => Promise<T>): Promise<T> {
  const stop = () => killMarked(mark);
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  try {
    return await run();
  } finally {
    const strays = await killMarked(mark);
    if (strays.length > 0) print(`\nkilled what tests left running: ${strays.join(", ")}\n`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
  }
}

/** Prints the end of the output, and gives the exit status. */
function conclude(ended: readonly Ended[]): number {
  for (const { output } of ended) print(output);
  const slow = slowest(ended.flatMap(({ report }) => report.cases));
  if (slow.length > 0) print(`\nthe slowest tests:\n${formatSlowest(slow)}`);
  const failed = ended.map(({ report }) => formatFailed(report)).join("");
  if (failed !== "") print(`\n${failed}`);
  const faults = ended.flatMap(({ faults }) => faults);
  if (faults.length > 0) print(`\n${faults.map((fault) => `FAILED: ${fault}\n`).join("")}`);
  const counts = sumCounts([
    ...ended.map(({ report }) => report.counts),
    { passed: 0, failed: faults.length, skipped: 0 },
  ]);
  print(`\n${formatCounts(counts)}\n`);
  return counts.failed === 0 ? 0 : 1;
}

/** Gives the names of the tests of each file, as of the last run of all tests. */
function lastNames(): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const lane of LANES) {
    let xml: string;
    try {
      xml = Deno.readTextFileSync(`${FOLDER}/whole/${lane}.xml`);
    } catch {
      continue;
    }
    for (const { file, name } of readReport(xml).cases) names.set(file, [...names.get(file) ?? [], name]);
  }
  return names;
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : ROOT + path;
}

function print(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

if (import.meta.main) {
  Deno.exit(
    await main(Deno.args).catch((error) => {
      print(`${error instanceof Error ? error.message : error}\n\n0 passed, 1 failed\n`);
      return 1;
    }),
  );
}
