// SPDX-License-Identifier: Apache-2.0
/**
 * The agent as a command: what it runs, whom it watches, and how it ends.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { OUTCOME_NUMBER } from "../profile/model.ts";
import { build } from "../tasks/build.ts";
import { Program } from "../tasks/programs.ts";
import { type Ran, runProgram } from "./support/child.ts";
import { compileProgram } from "./support/compiled.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { run } from "./support/watched.ts";

const ROOT = new URL("..", import.meta.url).pathname;

async function runAgentWith(args: readonly string[]): Promise<Ran> {
  await build("bpf");
  return await runProgram(Deno.execPath(), [
    ...["run", "--quiet", "--frozen", "--allow-all", `--config=${ROOT}deno.json`, `${ROOT}agent/main.ts`],
    ...args,
  ]);
}

testWith(["bpf"], "agent -- COMMAND watches it and all that it starts, and ends as it does", async () => {
  using folder = new TempFolder();
  // The second dd has another parent when the shell between has ended.
  const dd = (name: string, calls: number) =>
    `cp /bin/dd ${folder.path}/${name}; ${folder.path}/${name} if=/dev/zero of=/dev/null bs=1 count=${calls} 2>/dev/null`;
  const script = `echo said; ${dd("child", 1000)}; (sh -c '(sleep 0.5; ${
    dd("orphan", 2000)
  }) &'); sleep 2; exit 7`;
  await using _other = run("dd", ["if=/dev/zero", "of=/dev/null", "bs=1"]);
  const output = `${folder.path}/calls.json`;
  const { code, stdout, stderr } = await runAgentWith([
    "--mode=syscall",
    `--output=${output}`,
    "--",
    "sh",
    "-c",
    script,
  ]);
  assertEquals([code, stdout], [7, "said\n"], stderr);
  const profile = JSON.parse(await Deno.readTextFile(output));
  const reads = new Map<string, number>();
  const { strings, series, syscalls } = profile;
  for (const [row, count] of syscalls.count.entries()) {
    const comm = strings[series.comm[syscalls.series[row]]];
    if (strings[syscalls.call[row]] === "read") reads.set(comm, (reads.get(comm) ?? 0) + count);
  }
  assert(reads.get("child")! >= 1000 && reads.get("orphan")! >= 2000, Deno.inspect(reads));
  assert(!reads.has("dd") && !reads.has("deno"), Deno.inspect(reads));
});

testWith(
  ["bpf", "clang"],
  "agent tells once what is open at its end, however many windows had it",
  async () => {
    using folder = new TempFolder();
    const deadlock = await compileProgram("deadlock", folder.path);
    const output = `${folder.path}/waits.json`;
    const { code, stderr } = await runAgentWith([
      "--mode=lock,syscall",
      "--duration=3.5",
      `--output=${output}`,
      "--",
      // Its second line is its end, which comes after that of the agent.
      ...["sh", "-c", `(echo; sleep 5) | ${deadlock}`],
    ]);
    assertEquals(code, 0, stderr);
    const { strings, series, locks, syscalls } = JSON.parse(await Deno.readTextFile(output));
    const open: Record<string, [waits: number, calls: number]> = { poster: [0, 0], closer: [0, 0] };
    const of = (row: number) => open[strings[series.comm[row]]];
    for (const [row, count] of locks.count.entries()) {
      const counts = locks.outcome[row] === OUTCOME_NUMBER.open ? of(locks.series[row]) : undefined;
      if (counts) counts[0] += count;
    }
    for (const [row, count] of syscalls.open.entries()) {
      const counts = of(syscalls.series[row]);
      if (counts) counts[1] += count;
    }
    assertEquals(open, { poster: [1, 1], closer: [1, 1] });
  },
);

testWith(
  ["bpf"],
  "agent --pid takes a thread for its process, and says when nothing was recorded",
  async () => {
    // Deno has threads that sleep, as the process does.
    await using sleeper = run(Deno.execPath(), ["eval", "setInterval(() => {}, 1e6)"]);
    let thread = 0;
    while (thread === 0) {
      for (const { name } of Deno.readDirSync(`/proc/${sleeper.pid}/task`)) {
        if (Number(name) !== sleeper.pid) thread = Number(name);
      }
    }
    const { code, stderr } = await runAgentWith(["--mode=lock", "--duration=0.3", `--pid=${thread}`]);
    assert(stderr.includes(`${thread} is a thread of process ${sleeper.pid}`), stderr);
    // V8's own threads may have waited for each other.
    assert(
      code === 0 || code === 4 && stderr.includes("Nothing was recorded: process"),
      `${code}: ${stderr}`,
    );
  },
);

testWith(["bpf"], "agent ends with 4 and a reason where nothing was recorded", async () => {
  // A thread of the kernel that has no calls.
  const { code, stderr } = await runAgentWith(["--mode=syscall", "--duration=0.2", "--pid=2"]);
  assertEquals(code, 4, stderr);
  assert(stderr.includes("Nothing was recorded: process 2 did not end a system call"), stderr);
});

testWith(["bpf"], "agent hands a signal on to its command", async () => {
  await build("bpf");
  await using agent = new Program("agent", [
    "--",
    "sh",
    "-c",
    "trap 'exit 9' TERM; while :; do sleep 0.1; done",
  ], {
    stderr: "piped",
  });
  const lines = agent.child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("Watching")) text += (await lines.read()).value ?? "";
  // Until the command runs and has set its trap.
  const children = () =>
    Deno.readTextFileSync(`/proc/${agent.child.pid}/task/${agent.child.pid}/children`).trim();
  const hasSlept = () => {
    const child = children();
    return child !== "" && Deno.readTextFileSync(`/proc/${child}/task/${child}/children`).trim() !== "";
  };
  while (!hasSlept()) await new Promise((resolve) => setTimeout(resolve, 20));
  const ended = agent.stop();
  while (!(await lines.read()).done);
  assertEquals((await ended).code, 9);
});
