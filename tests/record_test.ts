// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture` on this machine: the examples of `record`, a page by `--serve`, and the programs that it starts.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { record } from "../cli/local/record.ts";
import { top } from "../cli/local/top.ts";
import { taskFlags } from "../common/task_flags.ts";
import { build } from "../tasks/build.ts";
import { type Ran, runProgram } from "./support/child.ts";
import { limitCpu } from "./support/cpu_limit.ts";
import { testWith } from "./support/needs.ts";
import { childOf, PidNamespace } from "./support/pid_namespace.ts";
import { TempFolder } from "./support/programs.ts";
import { run } from "./support/watched.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Puts `aperture` into a folder of PATH, as its task runs it. */
function launcher(folder: TempFolder): string {
  const flags = [...taskFlags("aperture"), `--config=${ROOT}deno.json`].map((flag) => `'${flag}'`).join(" ");
  const path = folder.write(
    "bin/aperture",
    `#!/bin/sh\nexec '${Deno.execPath()}' run ${flags} '${ROOT}cli/main.ts' "$@"\n`,
  );
  Deno.chmodSync(path, 0o755);
  return path;
}

testWith(["bpf", "make", "nsenter"], "aperture record's examples run on this machine", async (t) => {
  await build();
  using folder = new TempFolder();
  const path = launcher(folder);
  // Ends with a status of its own, and takes as long as samples need.
  folder.write("Makefile", "all:\n\t@i=0; while [ $$i -lt 300000 ]; do i=$$((i+1)); done\n");
  Deno.copyFileSync("/bin/dd", `${folder.path}/shopd`);
  // The machine of the examples: else each agent reads the tables of all that runs beside the tests.
  await using machine = await PidNamespace.start();
  const shop = [`${folder.path}/shopd`, "if=/dev/zero", "of=/dev/null", "bs=1"];
  const [enter, ...words] = machine.enter(...shop);
  await using shopd = run(enter, words);
  using _limited = limitCpu(await childOf(shopd.pid), 0.3);
  const env = { PATH: `${folder.path}/bin:${Deno.env.get("PATH")}`, INIT_CWD: folder.path };
  const shell = (line: string): Promise<Ran> => {
    const [enter, ...words] = machine.enter("sh", "-c", `cd ${folder.path} && ${line}`);
    return runProgram(enter, words, { env });
  };

  await t.step("every example of the help and of docs/cli.md", async () => {
    const page = Deno.readTextFileSync(`${ROOT}docs/cli.md`);
    const told = [...page.matchAll(/^aperture (?:record|top) .*?(?=\s+# )/gm)].map(([line]) => line);
    const lines = [...new Set([...[...record.examples, ...top.examples].map(({ line }) => line), ...told])]
      .filter((line) => /^aperture (record|top --here)/.test(line));
    assert(lines.length >= 8);
    // Two at a time: each agent has a CPU for a while.
    await Promise.all([0, 1].map(async (turn) => {
      for (const line of lines.filter((_, i) => i % 2 === turn)) await check(line);
    }));
    async function check(line: string): Promise<void> {
      const { code, stdout, stderr } = await shell(line);
      assertEquals(code, 0, `${line}: ${stdout}${stderr}`);
      assertMatch(stdout + stderr, /[\d,]+ (samples?|calls?|waits?) in /, line);
      const file = / -o (\S+)/.exec(line)?.[1];
      if (file !== undefined) assert(Deno.statSync(`${folder.path}/${file}`).size > 100, line);
    }
    const { code, stdout } = await shell("aperture report shopd.svg; aperture report profile.json -o csv -q");
    assertEquals(code, 0);
    assertStringIncludes(stdout, "function,module,self,total,count\n");
  });

  await t.step("--idle shows calls that wait by purpose", async () => {
    for (const [flag, shown] of [["", false], [" --idle", true]] as const) {
      const { code, stdout, stderr } = await shell(`aperture record -m syscall${flag} -- sleep 0.2`);
      const said = stdout + stderr;
      assertEquals([code, / clock_nanosleep$/m.test(said)], [0, shown], said);
      assertEquals(said.includes("idle hidden"), !shown, said);
    }
  });

  await t.step("a command's exit status is aperture's, and the agent's and aggregator's are", async () => {
    assertEquals((await shell("aperture record -o n.folded -- sh -c 'exit 7'")).code, 7);
    assertMatch((await shell("aperture agent --version")).stdout, /^aperture agent \d/);
    assertMatch((await shell("aperture aggregator --version")).stdout, /^aperture aggregator \d/);
    const wrong = await shell("aperture agent --mode gpu");
    assertEquals([wrong.code, wrong.stdout], [2, ""], wrong.stderr);
    const nobody = await shell("aperture record -c no_such_name");
    assertEquals([nobody.code, nobody.stderr], [
      1,
      "agent: Cannot profile 'no_such_name': there is no process of this name\n",
    ]);
  });

  await t.step("--serve shows what is recorded on a page, until it is stopped", async () => {
    await using child = new Deno.Command(path, {
      args: ["record", "--serve", "-c", "shopd"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const server = (await lines.read()).value!.trim();
    let rows: { group: string[] }[] = [];
    while (rows.length === 0) {
      const response = await fetch(`${server}/api/aggregate`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ group_by: ["comm"] }),
      });
      rows = response.ok ? (await response.json()).rows : (await response.body?.cancel(), []);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assertEquals(rows.map(({ group }) => group[0]), ["shopd"]);
    child.kill("SIGTERM");
    while (!(await lines.read()).done);
    assertEquals((await child.status).code, 0);
  });
});
