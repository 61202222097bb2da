// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { getPriority } from "node:os";
import { kill, lowerPriority, startModule } from "./child.ts";

Deno.test("a module runs by its flags alone, after others, until it is killed, once or more", async () => {
  const code = `data:text/javascript,${
    encodeURIComponent(`
      console.log(JSON.stringify([Deno.args, Deno.permissions.querySync({ name: "read" }).state]));
      await new Response(Deno.stdin.readable).text();`)
  }`;
  const child = startModule(code, { flags: ["--allow-env"], args: ["a b"], stderr: "null" });
  lowerPriority(child);
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals((await output.read()).value, '[["a b"],"prompt"]\n');
  assertEquals(getPriority(child.pid), 10);
  kill(child);
  assertEquals((await child.status).signal, "SIGKILL");
  kill(child);
  lowerPriority(child);
  await Promise.all([output.cancel(), child.stdin.close().catch(() => {})]);
});
