// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { matchNames, parseSearch } from "../flame/search.ts";
import { filesOf } from "./source_files.ts";

Deno.test("filesOf() tells functions of one name apart by their module, and has all of a function's files", () => {
  const model = { names: ["all", "read", "read", "write"], modules: ["", "/bin/a", "/bin/b", "/bin/a"] };
  const row = (name: string, file: string, module: string) => ({ group: [name, file], module });
  const files = filesOf(model, [
    row("read", "/src/io.c", "/bin/a"),
    row("read", "/src/IO.h", "/bin/a"),
    row("read", "", "/bin/b"),
    row("gone", "/src/io.c", "/bin/a"),
  ]);
  assertEquals(files, ["", "/src/io.c\n/src/IO.h", "", ""]);
  const found = (text: string) => [...matchNames({ ...model, files }, parseSearch(text)!)];
  assertEquals(found("f:io.h"), [0, 1, 0, 0]);
  assertEquals(found("f:io.c write"), [0, 0, 0, 0]);
});
