// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { TempFolder } from "../tests/support/programs.ts";
import { WatchedFiles } from "./watched_files.ts";

Deno.test("WatchedFiles tells of texts that changed, together, and keeps what was where they cannot be used", async () => {
  using folder = new TempFolder();
  const paths = [folder.write("a", "1"), folder.write("b", "1")];
  const seen: string[][] = [];
  using files = new WatchedFiles(paths, ["1", "1"], (texts) => {
    if (texts[0] === "bad") throw new Error("Cannot use it");
    seen.push(texts);
  }, { intervalMs: 3_600_000 });
  await files.look();
  assertEquals(seen, []);
  folder.write("b", "2");
  await files.look();
  folder.write("a", "bad");
  await files.look();
  Deno.removeSync(paths[1]!);
  await files.look();
  assertEquals(seen, [["1", "2"]]);
  folder.write("a", "3");
  folder.write("b", "3");
  await files.look();
  assertEquals(seen, [["1", "2"], ["3", "3"]]);
});
