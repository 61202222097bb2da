// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what it costs to watch locks: two threads that hand a futex to and fro, on one CPU and on two, and a loop of
 * cheap system calls that have nothing to do with locks, each alone, with the collector and with tools of others.
 *
 * @module
 */

import { LockCollector } from "../agent/collectors/lock.ts";
import { Unwinder } from "../agent/unwind/unwinder.ts";
import { build } from "../tasks/build.ts";
import { compile, FRAME_POINTERS } from "../tasks/compile.ts";
import { findFutexctn, findSyscount } from "./bcc.ts";
import { Rival } from "./rival.ts";
import type { Row } from "./row.ts";
import { ratesUnder, turnsOf, type Watcher } from "./turns.ts";

/** All watch the whole machine. */
const PERF = ["perf", "trace", "-a", "-s", "-e", "futex", "-o", "/dev/null"] as const;

const PROGRAMS = [
  { what: "futex ping-pong on one CPU", name: "futex_ping_pong", args: ["1"] },
  { what: "futex ping-pong on two CPUs", name: "futex_ping_pong", args: ["2"] },
  { what: "getppid", name: "cheap_calls", args: [] },
] as const;

/** Returns the rows of `deno task bench lock`, or `lock=TURNS` with so many turns of each watcher. */
export async function rows(option?: string): Promise<Row[]> {
  const turns = turnsOf(option);
  await build("bpf");
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const rivals: Record<string, Watcher> = {};
  for (const command of [PERF, await findFutexctn(), await findSyscount()]) {
    if (command) rivals[nameOf(command)] = withRival(command);
  }
  const rows: Row[] = [];
  for (const { what, name, args } of PROGRAMS) {
    await compile(new URL(`../tests/programs/${name}.c`, import.meta.url), `${folder}/${name}`, {
      flags: FRAME_POINTERS,
    });
    const { alone, ours, ...theirs } = await ratesUnder<string>([`${folder}/${name}`, ...args], {
      alone: (turn) => turn(),
      ours: withOurs,
      ...rivals,
    }, turns);
    for (const [rival, rate] of Object.entries(theirs)) {
      rows.push({
        what: `${what} while locks are watched`,
        ours: ours! / alone! * 100,
        unit: "% of its rate alone",
        rival: { name: rival, value: rate / alone! * 100 },
      });
    }
  }
  return rows;
}

/** Returns what of a command tells the tool and what it does. */
function nameOf([program, ...args]: readonly [string, ...string[]]): string {
  const telling = args.filter((word) => !/^(-[ao]|\/.*)$/.test(word));
  return [program.slice(program.lastIndexOf("/") + 1), ...telling].join(" ");
}

/** As the agent does it: with stacks by unwind tables. In the first turn these get to know the program. */
async function withOurs(turn: () => Promise<number>): Promise<number> {
  await using unwinder = Unwinder.open();
  using collector = LockCollector.open({ unwinder });
  await turn();
  await unwinder.settle();
  await collector.drain();
  const rate = await turn();
  await collector.drain();
  return rate;
}

function withRival(command: readonly [string, ...string[]]): Watcher {
  return async (turn) => {
    await using _rival = await Rival.start(command);
    return await turn();
  };
}
