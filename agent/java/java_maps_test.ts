// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { existsSync } from "node:fs";
import { run, RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { type Process, ProcessTable } from "../metadata/processes.ts";
import { jcmd } from "./attach.ts";
import { JavaMaps } from "./java_maps.ts";

const SOURCE = new URL("../../tests/programs/Spin.java", import.meta.url).pathname;
const NEVER = new AbortController().signal;

testWith(["root", "jdk"], "jcmd() has a JVM write its perf map, and leaves nothing else behind", async () => {
  using folder = new TempFolder();
  run("javac", ["-d", folder.path, SOURCE]);
  await using program = await RunningProgram.start("java", ["-cp", folder.path, "Spin"]);
  const process = new ProcessTable().get(program.pid)!;
  const map = `/tmp/perf-${program.pid}.map`;
  try {
    await jcmd(process, "Compiler.perfmap", NEVER);
    assertEquals(/ Interpreter$/m.test(Deno.readTextFileSync(map)), true);
    // The second time it listens already.
    await jcmd(process, "Compiler.perfmap", NEVER);
    assertEquals(existsSync(`${process.folder}/cwd/.attach_pid${program.pid}`), false);
    await assertRejects(() => jcmd(process, "No.such.command", NEVER), Error, "The JVM refuses: ");
  } finally {
    Deno.removeSync(map);
  }
});

testWith(["root"], "jcmd() leaves alone what SIGQUIT would end", async () => {
  await using program = await RunningProgram.start("sh", ["-c", "echo 1; exec sleep 600"]);
  const process = new ProcessTable().get(program.pid)!;
  await assertRejects(() => jcmd(process, "Compiler.perfmap", NEVER), Error, "it does not catch SIGQUIT");
  assertEquals(existsSync(process.folder), true);
});

const PROCESS: Process = {
  pid: 7,
  program: 1,
  past: false,
  ownPid: 7,
  startTime: 1,
  comm: "java",
  exe: "/usr/bin/java",
  name: "",
  mappings: [],
  folder: "/proc/7",
};

Deno.test("JavaMaps asks a JVM often while it begins, then once a minute, and more seldom one that refuses", async () => {
  let [now, refuses] = [0, false];
  const asked: number[] = [];
  const ask = () => {
    asked.push(now);
    return refuses ? Promise.reject(new Error("Cannot")) : Promise.resolve("");
  };
  await using maps = new JavaMaps({ ask, clock: () => now });
  const runFor = async (ms: number) => {
    for (const end = now + ms; now < end; now += 10_000) {
      maps.want(PROCESS);
      await maps.settle();
    }
  };
  await runFor(180_000);
  assertEquals(asked, [0, 10_000, 20_000, 40_000, 80_000, 140_000]);
  refuses = true;
  await runFor(600_000);
  assertEquals(asked.slice(6), [200_000, 440_000]);
  assertEquals(maps.stats, { written: 6, failed: 2 });
  // Another process of that number is another one.
  maps.want({ ...PROCESS, startTime: 2 });
  await maps.settle();
  assertEquals(asked.length, 9);
});
