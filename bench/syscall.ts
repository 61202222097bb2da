// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what counting system calls costs their callers: a loop of the cheapest call, watched by us and by rivals in
 * turn.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { SyscallCollector } from "../agent/collectors/syscall.ts";
import { compile } from "../tasks/compile.ts";
import type { Row } from "./row.ts";

const ROUNDS = 5;
const CALLS = 1_000_000;
/** Two stops of the program for each call take their time. */
const STRACE_CALLS = 20_000;
/** bcc compiles its program when it starts. */
const START_MS = 4000;

/** bcc's own, which needs the kernel's headers, and the same tool without that need (libbpf-tools). */
const SYSCOUNTS = ["syscount-bpfcc", "syscount"] as const;

type Program = (calls: number, wrapper?: readonly string[]) => Promise<number>;

/** Returns the rows of `deno task bench syscall`. */
export async function rows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const path = `${folder}/calls`;
  await compile(new URL("../tests/programs/syscalls.c", import.meta.url), path);
  const run: Program = (calls, wrapper = []) => callsPerSecond([...wrapper, path, "calls", String(calls)]);
  await run(CALLS);

  const figures = {
    bare: [] as number[],
    ours: [] as number[],
    syscount: [] as number[],
    strace: [] as number[],
  };
  const syscount = await findSyscount();
  for (let round = 0; round < ROUNDS; round++) {
    figures.bare.push(await run(CALLS));
    figures.ours.push(await watched(run));
    if (syscount) {
      await using _rival = await Syscount.start(syscount);
      figures.syscount.push(await run(CALLS));
    }
    figures.strace.push(await run(STRACE_CALLS, ["strace", "-c", "-o", "/dev/null"]));
  }
  const what = "calls to getppid while calls are counted";
  const row = (name: string, rival: readonly number[]): Row => ({
    what,
    ours: middle(figures.ours),
    unit: "calls/s",
    rival: { name, value: middle(rival) },
  });
  return [
    row("nobody counts", figures.bare),
    ...syscount ? [row(`${syscount} -L`, figures.syscount)] : [],
    row("strace -c", figures.strace),
  ];
}

async function watched(run: Program): Promise<number> {
  using collector = SyscallCollector.open();
  const figure = await run(CALLS);
  await collector.drain();
  return figure;
}

/** Calls per second of CPU time, which other programs have no part in; urgent, so that they keep its caches, too. */
async function callsPerSecond(command: readonly string[]): Promise<number> {
  const { stdout, success, stderr } = await new Deno.Command("chrt", { args: ["-f", "1", ...command] })
    .output();
  if (!success) throw new Error(`Cannot measure: ${new TextDecoder().decode(stderr)}`);
  const { calls, ns, cpu_ns } = JSON.parse(new TextDecoder().decode(stdout));
  // A program that strace stops uses little of a CPU itself.
  return calls / (command.includes("strace") ? ns : cpu_ns) * 1e9;
}

/** Returns the first that runs on this machine. */
async function findSyscount(): Promise<string | undefined> {
  for (const name of SYSCOUNTS) {
    try {
      await using _started = await Syscount.start(name);
      return name;
    } catch {
      // Not installed, or without the kernel's headers.
    }
  }
  return undefined;
}

/** A rival that counts until it is disposed of. */
class Syscount implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** @throws {Error} when it ends by itself */
  static async start(name: string): Promise<Syscount> {
    // Tools that attach to tracepoints want tracefs, which need not be mounted here.
    const script = 'mount -t tracefs none /sys/kernel/tracing 2>/dev/null; exec "$0" -L';
    const child = new Deno.Command("unshare", {
      args: ["--mount", "sh", "-c", script, name],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const ended = await Promise.race([child.status.then(() => true), delay(START_MS).then(() => false)]);
    if (ended) throw new Error(`Cannot start ${name}`);
    return new Syscount(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#child.status;
  }
}

function middle(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1]!;
}
