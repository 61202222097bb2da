// SPDX-License-Identifier: Apache-2.0
/**
 * Part of a guest: the agent itself, until it has seen a process.
 *
 * @module
 */

import { delay } from "@std/async/delay";

const OUTPUT = "/tmp/out.folded";
/** The process's program. */
const COMPILED = "Compiled /bin/chain";
/** The agent knows the way up its stack from then on, in ms. */
const WATCH_MS = 2000;

/** Returns how it ended, what it said, and the folded stacks that it wrote while `child` ran. */
export async function runAgent(child: Deno.ChildProcess) {
  // Without a bound of V8's it would begin once more, by execve, which takes an emulated machine five seconds.
  const flags = ["--quiet", "--allow-all", "--v8-flags=--max-old-space-size=256"];
  const args = ["run", ...flags, "/agent/guest/agent.js", "--log-level=debug"];
  // It is stopped before, unless something is wrong.
  const agent = new Deno.Command("/bin/deno", {
    args: [...args, `--pid=${child.pid}`, "--duration=60s", "--bpf-memory=16MiB", `--output=${OUTPUT}`],
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  let stopped: Promise<void> | undefined;
  for await (const text of agent.stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.includes("Watching")) child.kill("SIGCONT");
    if (said.includes(COMPILED)) stopped ??= delay(WATCH_MS).then(() => agent.kill("SIGINT"));
  }
  await stopped;
  const { code } = await agent.status;
  return { code, said, folded: await Deno.readTextFile(OUTPUT).catch(String) };
}
