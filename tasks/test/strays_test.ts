// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch } from "@std/assert";
import { killMarked, MARK } from "./strays.ts";

Deno.test("killMarked() ends what a command left in the background, and nothing else", async () => {
  const mark = crypto.randomUUID();
  const start = (env: Record<string, string>) =>
    new Deno.Command("sh", {
      args: ["-c", "exec </dev/null >/dev/null 2>&1; setsid sleep 1000 & exit 3"],
      env,
    }).output();
  await start({ [MARK]: mark });
  await using other = new Deno.Command("sleep", { args: ["1000"], env: { [MARK]: "another" } }).spawn();
  // Its environment cannot be read while it becomes the program.
  const killed: string[] = [];
  for (let tries = 0; killed.length === 0 && tries < 1000; tries++) killed.push(...await killMarked(mark));
  assertEquals(killed.length, 1);
  assertMatch(killed[0]!, /sleep 1000.* \(\d+\)$/);
  assertEquals(await killMarked(mark), []);
  other.kill("SIGKILL");
  assertEquals((await other.status).signal, "SIGKILL");
});
