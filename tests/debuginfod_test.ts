// SPDX-License-Identifier: Apache-2.0
/**
 * A stripped program that runs, an agent that is told of a debuginfod server, and the file that it writes.
 */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import type { ProfileJson } from "../profile/formats/json.ts";
import { build } from "../tasks/build.ts";
import { Program } from "../tasks/programs.ts";
import { RealDebuginfod, sourceLines, strippedSpin } from "./support/debug_files.ts";
import { testWith } from "./support/needs.ts";
import { RunningProgram, TempFolder } from "./support/programs.ts";

/** Returns the distinct stacks of a .json file, each as `function file:line` from the leaf on. */
function stacksOf(text: string): string[][] {
  const { strings, frames, stacks: { offset, frame } } = JSON.parse(text) as ProfileJson;
  return offset.slice(1).map((end, i) =>
    frame.slice(offset[i], end).map((row) => {
      const [name, file] = [frames.function[row]!, frames.file[row]!];
      return `${strings[name]} ${strings[file]}:${frames.line[row]}`;
    })
  );
}

testWith(
  ["bpf", "gcc", "objcopy", "strip", "eu-addr2line", "debuginfod"],
  "an agent with DEBUGINFOD_URLS names the inlined functions and lines of a stripped program",
  async () => {
    await build();
    using folder = new TempFolder();
    const stripped = strippedSpin(folder, "shop");
    await using server = await RealDebuginfod.start([`${folder.path}/shop/debug`], [stripped.buildId]);
    await using program = await RunningProgram.start(stripped.path);
    const output = `${folder.path}/out.json`;
    const env = { DEBUGINFOD_URLS: server.url.href, DEBUGINFOD_CACHE_PATH: `${folder.path}/cache` };
    const args = [`--pid=${program.pid}`, `--output=${output}`, "--log-level=warning"];
    await using agent = new Program("agent", args, { env });
    const cached = `${folder.path}/cache/${stripped.buildId}/debuginfo`;
    while (!await Deno.stat(cached).then(() => true, () => false)) {
      assertEquals(agent.ended, undefined);
      await delay(100);
    }
    await delay(5000); // Some windows with the names.
    assertEquals((await agent.stop("SIGINT")).code, 0);
    const inlined = stacksOf(await Deno.readTextFile(output)).filter(([leaf]) =>
      leaf!.startsWith("inner_step ")
    );
    assertGreater(inlined.length, 0);
    const theirs = sourceLines(stripped).map((frames) => frames.join("; "));
    for (const stack of inlined) assert(theirs.includes(stack.slice(0, 3).join("; ")), stack.join("; "));
  },
);

testWith(["bpf"], "an agent that cannot keep what debuginfod gives says so, and goes on", async () => {
  await build();
  const args = [
    "--debuginfod-urls=http://127.0.0.1:9",
    "--debuginfod-cache=/dev/null/cache",
    // A machine where nothing runs has no samples, which is another exit status.
    ...["--freq=997", "--", "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"],
  ];
  const { child } = new Program("agent", args, { stderr: "piped" });
  const { code, stderr } = await child.output();
  assertEquals(code, 0);
  assertMatch(
    new TextDecoder().decode(stderr),
    /debuginfod is not asked: Cannot keep debug files in .*: Not a directory/,
  );
});
