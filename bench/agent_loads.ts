// SPDX-License-Identifier: Apache-2.0
/**
 * The two machines that an agent is measured on: one that runs what it ran an hour ago, and one that builds.
 *
 * @module
 */

import { compile } from "../tasks/compile.ts";

/** They are different ones, by their build id. */
const PROGRAMS = 50;
/** Processes a second, each with so many different calls. */
const CHURN = ["250", "12"] as const;
const SOURCE = `#include <map>
#include <string>
int main() { std::map<std::string, int> words; words["a"]++; return words.size() - 1; }
`;

/** Is stopped when it is disposed of. */
export interface Load extends AsyncDisposable {
  readonly name: string;
}

/** Starts fifty busy programs, none of which has frame pointers. */
export async function startSteady(folder: string): Promise<Load> {
  // In the session of the benchmark: the kernel may share CPUs out among sessions first.
  const programs = await Promise.all(Array.from({ length: PROGRAMS }, (_, i) => compileBusy(folder, i)));
  return load("50 busy programs", programs.map((program) => start(program, [], { detached: false })));
}

/** Starts a build: 250 processes a second that end at once, and a compiler, again and again. */
export async function startBuild(folder: string): Promise<Load> {
  const churn = `${folder}/churn`;
  await compile(new URL("../tests/programs/churn.c", import.meta.url), churn);
  await Deno.writeTextFile(`${folder}/part.cc`, SOURCE);
  const [perSecond, calls] = CHURN;
  const make = `while :; do g++ -O1 -c '${folder}/part.cc' -o '${folder}/part.o'; done`;
  return load("a build, 250 processes a second", [
    start(churn, ["1000000000", calls, perSecond]),
    start("bash", ["-c", make]),
  ]);
}

function load(name: string, parts: readonly AsyncDisposable[]): Load {
  return {
    name,
    async [Symbol.asyncDispose]() {
      await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
    },
  };
}

/** Compiles a program of its own, forty calls deep, without frame pointers. */
async function compileBusy(folder: string, number: number): Promise<string> {
  const path = `${folder}/busy-${number}`;
  const flags = ["-O2", "-fomit-frame-pointer", `-Wl,--build-id=0x${number.toString(16).padStart(8, "b")}`];
  await compile(new URL("../tests/programs/unwind/chain.c", import.meta.url), path, { flags });
  return path;
}

/** Starts a program that runs until it is disposed of; with all that it starts, where it is `detached`. */
export function start(
  command: string,
  args: readonly string[],
  { env = {}, detached = true }: { env?: Record<string, string>; detached?: boolean } = {},
): AsyncDisposable & { readonly pid: number; readonly ended: Promise<Deno.CommandStatus> } {
  const child = new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached,
  }).spawn();
  return {
    pid: child.pid,
    ended: child.status,
    async [Symbol.asyncDispose]() {
      try {
        Deno.kill(detached ? -child.pid : child.pid, "SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
    },
  };
}
