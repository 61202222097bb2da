// SPDX-License-Identifier: Apache-2.0

// The pools that a JavaScript runtime has for itself, with little to do; nobody contends.
import { readFile } from "node:fs/promises";
import { exit, stdin, stdout } from "node:process";

stdout.write("ready\n");
await new Promise((done) => stdin.once("data", done));
for (let i = 0; i < 60; i++) {
  await readFile("/proc/self/stat");
  await new Promise((done) => setTimeout(done, 3));
}
stdout.write(`${JSON.stringify({ delayNs: 0 })}\n`);
stdin.once("end", () => exit(0)).resume();
