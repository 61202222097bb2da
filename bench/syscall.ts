// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what counting system calls costs their callers: a loop of the cheapest call, watched by us and by rivals in
 * turn.
 *
 * @module
 */

import { SyscallCollector } from "../agent/collectors/syscall.ts";
import { build } from "../tasks/build.ts";
import { compile } from "../tasks/compile.ts";
import { findSyscount } from "./bcc.ts";
import { Rival } from "./rival.ts";
import type { Row } from "./row.ts";
import { ratesUnder, turnsOf, type Watcher } from "./turns.ts";

const CALLS = 1_000_000;
/** Two stops of the program for each call take their time. */
const STRACE_CALLS = 20_000;

type Program = (calls: number, wrapper?: readonly string[]) => Promise<number>;

/** Returns the rows of `deno task bench syscall`, or `syscall=TURNS` with so many turns of each watcher. */
export async function rows(option?: string): Promise<Row[]> {
  const turns = turnsOf(option);
  await build("bpf");
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
  for (let round = 0; round < turns; round++) {
    figures.bare.push(await run(CALLS));
    figures.ours.push(await watched(run));
    if (syscount) {
      await using _rival = await Rival.start(syscount);
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
    ...syscount ? [row(syscount.join(" "), figures.syscount)] : [],
    row("strace -c", figures.strace),
    await switchRow(folder, turns),
  ];
}

/** To tell what threads do in slow calls takes a look at each switch between threads: how much that costs these. */
async function switchRow(folder: string, turns: number): Promise<Row> {
  const path = `${folder}/futex_ping_pong`;
  await compile(new URL("../tests/programs/futex_ping_pong.c", import.meta.url), path);
  const counted = (slowNs?: number): Watcher => async (turn) => {
    using collector = SyscallCollector.open(slowNs === undefined ? {} : { slowNs });
    const rate = await turn();
    await collector.drain();
    return rate;
  };
  const { slow, none } = await ratesUnder([path, "1"], { none: counted(0), slow: counted() }, turns);
  return {
    what: "switches of threads while slow calls are looked into",
    ours: 2 * slow,
    unit: "/s",
    rival: { name: "only counted", value: 2 * none },
  };
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

function middle(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1]!;
}
