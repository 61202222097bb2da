// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { TempFolder } from "../tests/support/programs.ts";
import { Command } from "./command.ts";

Deno.test("Command runs when it is let go, and has the status that a shell would have", async () => {
  using folder = new TempFolder();
  const file = `${folder.path}/ran`;
  await using command = Command.prepare(["sh", "-c", `echo $$ > ${file}; exit 7`], { cwd: folder.path });
  assertEquals([...Deno.readDirSync(folder.path)], []);
  await command.begin();
  assertEquals(await command.status, 7);
  // The same process that was prepared.
  assertEquals(Number(Deno.readTextFileSync(file)), command.pid);
  await using killed = Command.prepare(["sh", "-c", "kill -9 $$"], { cwd: folder.path });
  await killed.begin();
  assertEquals(await killed.status, 137);
});

Deno.test("Command that does not exist is status 127, and one that is not let go ends with the agent", async () => {
  await using none = Command.prepare(["/nowhere/at-all"], { cwd: "/" });
  await none.begin();
  assertEquals(await none.status, 127);
  const waiting = Command.prepare(["sleep", "1000"], { cwd: "/" });
  await waiting[Symbol.asyncDispose]();
  assertEquals(await waiting.status, 143);
});
