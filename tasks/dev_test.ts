// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { runProgram } from "../tests/support/child.ts";
import { TempFolder } from "../tests/support/programs.ts";
import config from "../deno.json" with { type: "json" };

const DEV = new URL("../dev", import.meta.url).pathname;

Deno.test("./dev tells of each task of deno.json once, and of no other", async () => {
  const { code, stdout } = await runProgram(DEV, ["--help"]);
  assertEquals(code, 0);
  const told = [...stdout.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name]) => name!);
  assertEquals(told.sort(), Object.keys(config.tasks).sort());
  assertEquals((await runProgram(DEV, [])).stdout, stdout);
});

Deno.test("./dev refuses a task that there is not, before it installs anything", async () => {
  const { code, stderr } = await runProgram(DEV, ["tset"]);
  assertEquals([code, stderr], [2, "dev: there is no task 'tset': see ./dev --help\n"]);
});

Deno.test("./dev finds a package by its name, and by that of one which provides it", async () => {
  using folder = new TempFolder();
  // As on Debian 13, but for clang, of which only the configuration was left.
  const known = [
    "rc |clang, c-compiler",
    "ii |libbpf1, ",
    "ii |libbpf-dev, ",
    "ii |libdw1t64, libdw1 (= 0.192-4)",
    "ii |libc6-dev, libc-dev",
  ];
  for (const [name, text] of [["dpkg-query", known.join("\n")], ["id", "1000"]]) {
    Deno.chmodSync(folder.write(name!, `#!/bin/sh\ncat <<'END'\n${text}\nEND\n`), 0o755);
  }
  const env = { PATH: `${folder.path}:${Deno.env.get("PATH")}` };
  const { code, stderr } = await runProgram(DEV, ["agent"], { env });
  const want = "dev: some packages are missing: sudo apt-get install -y --no-install-recommends clang\n";
  assertEquals([code, stderr], [1, want]);
});
