// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { crossings, HOMES, strays, WALLS } from "./boundaries.ts";
import { readImports } from "./imports.ts";
import { ROOT, sourceFiles } from "./sources.ts";

Deno.test("no import of the tree goes through a wall", async () => {
  assertEquals(crossings(await readImports()), []);
});

Deno.test("pointers, the environment and SQL are at home", () => {
  const files = sourceFiles().filter((path) => path.endsWith(".ts") && !path.startsWith("third_party/"));
  assertEquals(strays(files, (path) => Deno.readTextFileSync(ROOT + path)), []);
});

Deno.test("crossings() names each import that goes through a wall", () => {
  const imports = new Map([
    ["agent/a.ts", new Set(["aggregator/b.ts", "profile/c.ts"])],
    ["aggregator/b.ts", new Set(["agent/a.ts"])],
    ["profile/c.ts", new Set(["agent/a.ts"])],
    ["agent/elf/e.ts", new Set(["agent/unwind/u.ts"])],
    ["agent/libbpf/l.ts", new Set(["agent/elf/e.ts"])],
    ["cli/q.ts", new Set(["agent/output/o.ts", "aggregator/http/answers.ts", "agent/d.ts"])],
    ["agent/d_test.ts", new Set(["cli/q.ts"])],
    ["aggregator/ui/p.ts", new Set(["common/log.ts", "aggregator/http/answers.ts"])],
    ["agent/d.ts", new Set(["tests/support/needs.ts"])],
    ["agent/e_test.ts", new Set(["tests/support/needs.ts"])],
  ]);
  assertEquals(crossings(imports), [
    "the agent imports the aggregator: agent/a.ts -> aggregator/b.ts",
    "the aggregator imports the agent: aggregator/b.ts -> agent/a.ts",
    "what all programs share imports one of them: profile/c.ts -> agent/a.ts",
    "a program imports the command line: agent/d_test.ts -> cli/q.ts",
    "the command line imports more than tables of the agent and answers of the aggregator: cli/q.ts -> agent/d.ts",
    "files of code know of names or of unwinding: agent/elf/e.ts -> agent/unwind/u.ts",
    "the wrapper of libbpf knows who uses it: agent/libbpf/l.ts -> agent/elf/e.ts",
    "what a browser runs imports what runs on a server: aggregator/ui/p.ts -> common/log.ts",
    "what ships imports what only tests and tasks have: agent/d.ts -> tests/support/needs.ts",
  ]);
  assertEquals(WALLS.length, 9, "each wall is crossed once above");
});

Deno.test("strays() names each file that has what belongs elsewhere", () => {
  const text = ["Deno", ".dlopen(name, {}); Deno", ".env.get(name); sql`SELECT 1 `"].join("");
  const lines = (path: string) => strays([path], () => text);
  assertEquals(lines("agent/a.ts"), [
    "a pointer or a library: agent/a.ts",
    "the environment: agent/a.ts",
    "SQL: agent/a.ts",
  ]);
  assertEquals(lines("agent/libbpf/library.ts"), [
    "the environment: agent/libbpf/library.ts",
    "SQL: agent/libbpf/library.ts",
  ]);
  assertEquals(lines("agent/main.ts"), ["a pointer or a library: agent/main.ts", "SQL: agent/main.ts"]);
  assertEquals(lines("aggregator/query/top.ts"), [
    "a pointer or a library: aggregator/query/top.ts",
    "the environment: aggregator/query/top.ts",
  ]);
  assertEquals(HOMES.length, 3, "each home is missed above");
});
