// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { AGENT_BUNDLE, agentSources, sourceDigest } from "../../common/source_digest.ts";
import { currentBundle } from "./bundle.ts";

Deno.test("currentBundle() is that of the sources that are there, and of no others", () => {
  using folder = new TempFolder();
  const root = `${folder.path}/`;
  assertEquals(currentBundle(root), undefined);
  const files = ["deno.json", "deno.lock", "agent/main.ts", "agent/x/y.ts", "agent/x/y_test.ts"];
  const others = ["agent/output/fit.js", "common/a.ts", "profile/b.ts", "proto/gen/c.ts", "symbols/d.ts"];
  for (const file of [...files, ...others]) folder.write(file, file);
  const sources = agentSources(root);
  assertEquals(sources.length, files.length + others.length - 1);
  const bundle = folder.write(AGENT_BUNDLE, "");
  assertEquals(currentBundle(root), undefined);
  folder.write(`${AGENT_BUNDLE}.sha256`, `command ${sourceDigest(root, sources)}`);
  assertEquals(currentBundle(root), bundle);
  folder.write("agent/x/y_test.ts", "tests may change");
  assertEquals(currentBundle(root), bundle);
  for (
    const [path, text] of [["agent/x/y.ts", "changed"], ["symbols/new.ts", ""], ["deno.lock", ""]] as const
  ) {
    folder.write(path, text);
    assertEquals(currentBundle(root), undefined, path);
    if (path === "symbols/new.ts") Deno.removeSync(root + path);
    else folder.write(path, path);
    assertEquals(currentBundle(root), bundle);
  }
});
