// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStringIncludes } from "@std/assert";
import { print, VERSION } from "./main.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Runs `source`, which has `run`, `UserError`, `UsageError`, `stopSignal` and `print` in scope. */
async function script(source: string, { signals = [] as Deno.Signal[] } = {}) {
  const imports = `import { print, run, stopSignal, UserError } from "${ROOT}common/main.ts";
    import { UsageError } from "${ROOT}common/settings.ts";`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", `--config=${ROOT}deno.json`, `${imports}\n${source}`],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const words = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (const signal of signals) {
    await words.read();
    child.kill(signal);
  }
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  await words.cancel();
  return { code, stderr };
}

Deno.test("run() ends with the status that main returns", async () => {
  assertEquals(await script(`await run("part", () => Promise.resolve(3));`), { code: 3, stderr: "" });
});

Deno.test("run() tells a user's error in one line: status 2 for usage, 1 for the rest", async () => {
  assertEquals(await script(`await run("part", () => { throw new UsageError("Unknown flag '-x'"); });`), {
    code: 2,
    stderr: `part: Unknown flag '-x'\n`,
  });
  assertEquals(await script(`await run("part", () => { throw new UserError("No rights"); });`), {
    code: 1,
    stderr: "part: No rights\n",
  });
});

Deno.test("run() tells of a missing permission in one line", async () => {
  const source =
    `await run("part", () => Promise.reject(new Deno.errors.NotCapable("Requires net access")));`;
  assertEquals(await script(source), {
    code: 1,
    stderr: "part: Cannot go on as a permission of Deno is missing: Requires net access\n",
  });
});

Deno.test("run() shows where an error of ours comes from", async () => {
  const { code, stderr } = await script(`await run("part", () => { throw new TypeError("oops"); });`);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "TypeError: oops");
  assertStringIncludes(stderr, "at ");
});

const WAIT = `await run("part", async () => {
  const stop = stopSignal();
  // Before the signal can come: an abort that nobody listens to yet is not told again.
  const stopped = new Promise((resolve) => stop.addEventListener("abort", resolve));
  const alive = setInterval(() => {}, 1000);
  await print(Deno.stdout, "ready");
  await stopped;
  clearInterval(alive);`;

Deno.test("stopSignal() aborts at the first SIGTERM", async () => {
  assertEquals((await script(`${WAIT} return 7; });`, { signals: ["SIGTERM"] })).code, 7);
});

Deno.test("stopSignal() ends the process at the second signal", async () => {
  const stuck =
    `${WAIT} await print(Deno.stdout, "stopping"); setInterval(() => {}, 1000); await new Promise(() => {}); });`;
  assertEquals((await script(stuck, { signals: ["SIGINT", "SIGINT"] })).code, 130);
});

Deno.test("print() writes all of a text, however little is taken at a time", async () => {
  let written = "";
  await print({
    write(bytes) {
      written += new TextDecoder().decode(bytes.subarray(0, 3));
      return Promise.resolve(Math.min(3, bytes.length));
    },
  }, "nothing is cut");
  assertEquals(written, "nothing is cut");
});

Deno.test("print() takes a closed pipe for the reader's choice", async () => {
  await print({ write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")) }, "text");
});

Deno.test("VERSION is deno.json's", async () => {
  assertEquals(VERSION, JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)).version);
});
