// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { filesWith, parseArguments, testFiles } from "./select.ts";

Deno.test("parseArguments() tells paths, the filter and flags apart", () => {
  assertEquals(parseArguments(["agent/elf", "--filter", "reads a", "--fail-fast", "b_test.ts"]), {
    paths: ["agent/elf", "b_test.ts"],
    filter: "reads a",
    flags: ["--fail-fast"],
  });
  assertEquals(parseArguments(["--filter=x"]).filter, "x");
  assertThrows(() => parseArguments(["--filter"]), Error, "'--filter' has no value");
  assertThrows(() => parseArguments(["--parallel"]), Error, "Cannot take '--parallel'");
});

Deno.test("testFiles() finds files of tests below paths, each once", () => {
  using folder = new TempFolder();
  for (const name of ["a_test.ts", "b/b_test.ts", "b/b.ts", ".tools/c_test.ts", "node_modules/d_test.ts"]) {
    folder.write(name, "");
  }
  assertEquals(testFiles(folder.path, []), ["a_test.ts", "b/b_test.ts"]);
  assertEquals(testFiles(folder.path, ["./b/", "b/b_test.ts"]), ["b/b_test.ts"]);
  assertThrows(() => testFiles(folder.path, ["c"]), Error, "'c' does not exist");
  folder.write("empty/x.ts", "");
  assertThrows(() => testFiles(folder.path, ["empty"]), Error, "none are below 'empty'");
});

Deno.test("filesWith() keeps the files that may have a test of the name", () => {
  const files = [
    { path: "a_test.ts", source: `Deno.test("reads a", () => {});` },
    { path: "b_test.ts", source: "for (const x of all) Deno.test(`reads ${x}`, () => {});" },
    { path: "c_test.ts", source: "" },
  ];
  const names = new Map([["b_test.ts", ["reads all"]]]);
  assertEquals(filesWith("reads a", files, names), ["a_test.ts", "b_test.ts"]);
  assertEquals(filesWith("reads all", files, names), ["b_test.ts"]);
  assertEquals(filesWith("not yet run", files, names), ["a_test.ts", "b_test.ts", "c_test.ts"]);
  assertEquals(filesWith("/^reads/", files, names).length, 3);
});
