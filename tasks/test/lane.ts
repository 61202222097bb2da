// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the files of one lane by one `deno test`.
 *
 * @module
 */

import { resolve } from "node:path";
import { groupFiles, leavesWork, takesLong, waitsForBoots } from "./groups.ts";
import { BACKGROUND_NICE, type Lane } from "./lanes.ts";
import { filesWithout, readReport, type Report } from "./report.ts";

/** So many files of the parallel lane run at a time. */
const JOBS = "2";

export interface LaneOptions {
  /** The repository, from which paths are relative. */
  readonly root: string;
  /** The report and the output go here, as `LANE.xml` and `LANE.log`. */
  readonly folder: string;
  readonly filter: string | undefined;
  /** More flags for `deno test`. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /**
   * Is true when it runs beside a lane that matters more: with a low priority, so that it takes what the other leaves
   * of the CPUs, and with its output held back.
   */
  readonly isBackground: boolean;
}

/** Says what a lane came to. */
export interface Ended {
  readonly report: Report;
  /** Names what failed and is in no report: files that did not load, a lane that crashed. */
  readonly faults: readonly string[];
  /** Holds what it wrote, where that was held back. */
  readonly output: string;
}

/** Runs `files` to the end of all of them. */
export async function runLane(
  lane: Lane,
  files: readonly string[],
  { root, folder, filter, flags, env, isBackground }: LaneOptions,
): Promise<Ended> {
  const [xml, log] = [`${folder}/${lane}.xml`, `${folder}/${lane}.log`];
  await Deno.remove(xml).catch(() => {});
  const isPartial = filter !== undefined || flags.some((flag) => flag.startsWith("--fail-fast"));
  await using groups = new AsyncDisposableStack();
  const groupsFolder = await Deno.makeTempDir({ prefix: "aperture-groups-" });
  groups.defer(() => Deno.remove(groupsFolder, { recursive: true }));
  // What a filter leaves of a file need not be anything, by which a file that does not load would pass.
  const modules = isPartial ? files : groupsOf(files, { root, folder: groupsFolder });
  const command = [
    Deno.execPath(),
    "test",
    ...["--quiet", "--allow-all", "--frozen", "--no-check", "--sanitize-ops", "--sanitize-resources"],
    `--config=${root}/deno.json`,
    `--junit-path=${xml}`,
    ...lane === "parallel" && modules.length > 1 ? ["--parallel"] : [],
    ...filter === undefined ? [] : [`--filter=${filter}`],
    ...flags,
    ...modules,
  ];
  const [program, ...args] = isBackground
    ? ["sh", "-c", `log=$1; shift; exec nice -n ${BACKGROUND_NICE} "$@" >"$log" 2>&1`, "sh", log, ...command]
    : command;
  const { code, signal } = await new Deno.Command(program!, {
    args,
    cwd: root,
    env: { DENO_JOBS: JOBS, ...env, APERTURE_TEST_LANE: lane },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  const report = readReport(await Deno.readTextFile(xml).catch(() => ""));
  const missing = isPartial ? [] : filesWithout(files, report);
  const end = `the ${lane} lane ended by ${signal ?? `status ${code}`}`;
  const faults = missing.length === files.length
    ? [`${end}, and has no result of its ${files.length} files`]
    : missing.map((file) => `${file}: none of its tests ran to an end`);
  if (code !== 0 && report.counts.failed === 0 && faults.length === 0) {
    faults.push(`${end}, though no test failed`);
  }
  const output = isBackground ? `\nthe ${lane} lane:\n${await Deno.readTextFile(log).catch(() => "")}` : "";
  return { report, faults, output };
}

/** Returns what is loaded in place of `files`: groups of them, and those that are alone. */
function groupsOf(
  files: readonly string[],
  { root, folder }: { readonly root: string; readonly folder: string },
): readonly string[] {
  const sources = new Map(files.map((file) => [file, Deno.readTextFileSync(resolve(root, file))]));
  return groupFiles(files, {
    ...{ root, folder },
    isAlone: (file) => leavesWork(sources.get(file)!) || waitsForBoots(sources.get(file)!),
    isLong: (file) => takesLong(sources.get(file)!),
  });
}
