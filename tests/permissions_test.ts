// SPDX-License-Identifier: Apache-2.0
/**
 * Starts the programs and tasks with the permissions that deno.json and the images give them, and with fewer; but for
 * what watches the machine, see `watching_permissions_test.ts`.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { freePort } from "../common/free_port.ts";
import { Program, RunningAggregator } from "../tasks/programs.ts";
import { taskFlags } from "../common/task_flags.ts";
import { runProgram } from "./support/child.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { assertWorks, runScript } from "./support/task_runs.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Copies files and folders of the tree, but for what is built, into `to`. */
async function copyTree(names: readonly string[], to: string): Promise<void> {
  for (const name of names) {
    const { isDirectory } = await Deno.stat(ROOT + name);
    if (!isDirectory) await Deno.copyFile(ROOT + name, to + name);
    else {
      await Deno.mkdir(to + name, { recursive: true });
      const entries = [...Deno.readDirSync(ROOT + name)].filter((entry) => entry.name !== "build");
      await copyTree(entries.map((entry) => `${name}/${entry.name}`), to);
    }
  }
}

for (const part of ["agent", "aggregator"] as const) {
  Deno.test(`the ${part} tells its version and its help with the permissions of its task`, async () => {
    const version = await runScript(part, [`${part}/main.ts`, "--version"]);
    assertWorks(version);
    assertMatch(version.stdout, new RegExp(`^aperture ${part} \\d+\\.\\d+\\.\\d+\n$`));
    const help = await runScript(part, [`${part}/main.ts`, "--help"]);
    assertWorks(help);
    assertStringIncludes(help.stdout, "Usage:");
  });
}

Deno.test("the agent says at once that it needs all permissions", async () => {
  for (const flags of [["--no-prompt"], ["--no-prompt", "--allow-all", "--deny-run"]]) {
    const { code, stderr } = await runScript("agent", ["agent/main.ts", "--version"], { flags });
    assertEquals(
      stderr,
      "agent: Cannot watch this machine as a permission of Deno is missing: " +
        "start the program with --allow-all, and with no --deny\n",
    );
    assertEquals(code, 1);
  }
});

/** Asks an aggregator for what it reads from files, then ends it: nothing was missing on the way. */
async function assertServes(aggregator: RunningAggregator): Promise<void> {
  const stderr = new Response(aggregator.child.stderr).text();
  for (const path of ["/", "/app.js", "/app.css", "/metrics", "/api/health", "/api/batches"]) {
    const response = await fetch(aggregator.http + path);
    await response.body?.cancel();
    assertEquals(response.status, 200, path);
  }
  const { code } = await aggregator.stop();
  assertWorks({ code, stdout: "", stderr: await stderr });
}

testWith(["chdb"], "the aggregator serves with the permissions of its task", async () => {
  using folder = new TempFolder();
  const args = [`--data-dir=${folder.path}/data`, `--buffer-path=${folder.path}/buffer/staged.db`];
  await assertServes(await RunningAggregator.start({ args, stderr: "piped" }));
});

testWith(["chdb"], "the aggregator serves with the permissions of its image", async () => {
  using folder = new TempFolder();
  const entrypoint = /ENTRYPOINT (\[[^\]]*\])/.exec(
    await Deno.readTextFile(`${ROOT}Dockerfile.aggregator`),
  )![1]!;
  const [deno, run, ...flags] = JSON.parse(entrypoint.replaceAll("\\\n", "")) as string[];
  assertEquals([deno, run, flags.pop()], ["deno", "run", "/aperture/aggregator/main.ts"]);
  const { denoDir } = JSON.parse((await runProgram(Deno.execPath(), ["info", "--json"])).stdout);
  const paths: Readonly<Record<string, string>> = {
    "/var/lib/aperture": folder.path,
    "/usr/local/bin/deno": Deno.execPath(),
    "/deno-dir": denoDir,
    "/aperture": ROOT.slice(0, -1),
  };
  // At once, as a path of this machine may have one of the image's in it.
  const inImage = new RegExp(Object.keys(paths).join("|"), "g");
  const here = flags.map((flag) => flag.replaceAll(inImage, (path) => paths[path]!));
  const args = [`--data-dir=${folder.path}/data`, `--buffer-path=${folder.path}/buffer/staged.db`];
  await assertServes(await RunningAggregator.start({ args, flags: here, stderr: "piped" }));
});

Deno.test("the images grant what the tasks do, or less", async () => {
  for (const part of ["agent", "aggregator"] as const) {
    const text = await Deno.readTextFile(`${ROOT}Dockerfile.${part}`);
    const image = JSON.parse(/ENTRYPOINT (\[[^\]]*\])/.exec(text)![1]!.replaceAll("\\\n", "")) as string[];
    const task = taskFlags(part);
    for (const flag of image.filter((flag) => /^--(allow|ignore)-/.test(flag))) {
      const [name] = flag.split("=", 1);
      const same = task.includes(flag) || task.includes(name!) || name === "--allow-run";
      assert(same, `Dockerfile.${part} has ${flag}, and the task has ${task.join(" ")}`);
    }
    for (const flag of ["--no-prompt", ...task.filter((flag) => flag.startsWith("--deny-"))]) {
      assert(image.includes(flag), `Dockerfile.${part} has no ${flag}`);
    }
  }
});

for (
  const { lost, args, to, flag } of [
    { lost: "--allow-net", args: [], to: "listen on 127.0.0.1:1", flag: "--allow-net=127.0.0.1:1" },
    {
      lost: "--allow-run",
      args: [],
      to: "start the embedded engine, and what reads debug files and profiles of others",
      flag: `--allow-run=${Deno.execPath()}`,
    },
    {
      lost: "--allow-write",
      args: ["--buffer-path=/srv/aperture/staged.db"],
      to: "write '/srv/aperture/staged.db'",
      flag: "--allow-write=/srv/aperture",
    },
    {
      lost: "--allow-read",
      args: ["--buffer-path=/srv/aperture/staged.db"],
      to: "read '/srv/aperture/staged.db'",
      flag: "--allow-read=/srv/aperture",
    },
  ]
) {
  Deno.test(`the aggregator says that ${lost} is missing, and what for`, async () => {
    const flags = taskFlags("aggregator").filter((flag) => flag.split("=", 1)[0] !== lost);
    const listen = ["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:1"];
    const run = await runScript("aggregator", ["aggregator/main.ts", ...listen, ...args], { flags });
    assertEquals(
      run.stderr,
      `aggregator: Cannot ${to} as a permission of Deno is missing: start the program with ${flag}\n`,
    );
    assertEquals(run.code, 1);
  });
}

testWith(["chdb"], "the engine alone answers with the permissions of its task", async () => {
  using folder = new TempFolder();
  const port = freePort();
  await using engine = new Program(
    "clickhouse",
    [`--listen=127.0.0.1:${port}`, `--data-dir=${folder.path}`],
    {
      stderr: "piped",
    },
  );
  const stderr = new Response(engine.child.stderr).text();
  const ask = () => fetch(`http://127.0.0.1:${port}/?query=SELECT+40%2B2`).catch(() => undefined);
  let answer: Response | undefined;
  while (!engine.ended && (answer = await ask()) === undefined) await new Promise((r) => setTimeout(r, 50));
  assertEquals(await answer?.text(), "42\n");
  const { code } = await engine.stop();
  assertWorks({ code, stdout: "", stderr: await stderr });
});

testWith(
  ["clang"],
  "the BPF programs, the agent and the page build with the permissions of their tasks",
  async () => {
    using folder = new TempFolder();
    const root = `${folder.path}/`;
    const sources = ["agent", "bpf", "common", "profile", "proto", "symbols", "tasks", "aggregator/ui"];
    await copyTree(["deno.json", "deno.lock", "third_party", ...sources], root);
    // One program stands for all: the command is the same.
    for (const name of ["cpu", "lock", "unwind"]) await Deno.remove(`${root}bpf/${name}.bpf.c`);
    assertWorks(await runScript("bpf", ["tasks/build.ts", "bpf"], { root }));
    assert((await Deno.stat(`${root}bpf/build/syscall.bpf.o`)).size > 0);
    assertWorks(await runScript("build", ["tasks/build.ts"], { root }));
    assert((await Deno.stat(`${root}aggregator/ui/build/app.js`)).size > 0);
    assert((await Deno.stat(`${root}agent/build/agent.js`)).size > 0);
  },
);

testWith(["protoc"], "the code of proto/ is generated with the permissions of its task", async () => {
  using folder = new TempFolder();
  const root = `${folder.path}/`;
  const sources = ["aperture", "google", "push", "querier", "settings", "types"].map((name) =>
    `proto/${name}`
  );
  await copyTree(["deno.json", "deno.lock", "third_party", "tasks", ...sources], root);
  assertWorks(await runScript("proto", ["tasks/proto.ts"], { root }));
  assert((await Deno.stat(`${root}proto/gen/aperture.binpb`)).size > 0);
});

testWith(["readelf"], "unwind tables are checked with the permissions of their task", async () => {
  using folder = new TempFolder();
  await Deno.copyFile("/bin/true", `${folder.path}/true`);
  const run = await runScript("unwind-check", ["tasks/unwind_check.ts", folder.path]);
  assertWorks(run);
  assertStringIncludes(run.stdout, `{"files":1,`);
});

Deno.test("tests run with the permissions of their task", async () => {
  const run = await runScript("test", ["tasks/test.ts", "common/task_flags_test.ts"]);
  assertWorks(run);
  assertMatch(run.stdout, /\n1 passed, 0 failed\n$/);
});
