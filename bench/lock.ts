// SPDX-License-Identifier: Apache-2.0
/**
 * Measures what it costs to watch locks: two threads that hand a futex to and fro, and a loop of cheap system calls
 * that have nothing to do with locks, each alone, with the collector and with `perf trace -s -e futex`.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { LockCollector } from "../agent/collectors/lock.ts";
import { build } from "../tasks/build.ts";
import { compile, FRAME_POINTERS } from "../tasks/compile.ts";
import type { Row } from "./row.ts";

/** Each watcher has so many turns of a second, in rotation, so that all have the same neighbours. */
const TURNS = 5;
const RIVAL = "perf trace -s -e futex";

/** Returns the rows of `deno task bench lock`. */
export async function rows(): Promise<Row[]> {
  await build("bpf");
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const rows: Row[] = [];
  for (const [name, what] of [["futex_ping_pong", "futex ping-pong"], ["cheap_calls", "getppid"]] as const) {
    await compile(new URL(`../tests/programs/${name}.c`, import.meta.url), `${folder}/${name}`, {
      flags: FRAME_POINTERS,
    });
    const { alone, ours, theirs } = await measure(`${folder}/${name}`);
    rows.push({
      what: `${what} while locks are watched`,
      ours: ours / alone * 100,
      unit: "% of its rate alone",
      rival: { name: RIVAL, value: theirs / alone * 100 },
    });
  }
  return rows;
}

interface Rates {
  readonly alone: number;
  readonly ours: number;
  readonly theirs: number;
}

/** Returns the median rate of the program at `path` under each watcher. */
async function measure(path: string): Promise<Rates> {
  const child = new Deno.Command(path, { stdin: "piped", stdout: "piped" }).spawn();
  const input = child.stdin.getWriter();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await output.read();
  const turn = async () => {
    await input.write(new TextEncoder().encode("\n"));
    return Number((await output.read()).value);
  };
  const rates: Record<keyof Rates, number[]> = { alone: [], ours: [], theirs: [] };
  for (let i = 0; i < TURNS; i++) {
    rates.alone.push(await turn());
    rates.ours.push(await withOurs(turn));
    rates.theirs.push(await withPerf(turn));
  }
  await input.close();
  await output.cancel();
  await child.status;
  return { alone: median(rates.alone), ours: median(rates.ours), theirs: median(rates.theirs) };
}

async function withOurs(turn: () => Promise<number>): Promise<number> {
  using collector = LockCollector.open();
  const rate = await turn();
  await collector.drain();
  return rate;
}

/** perf needs tracefs, which is mounted for it alone; both watch the whole machine. */
async function withPerf(turn: () => Promise<number>): Promise<number> {
  const script = "mount -t tracefs tracefs /sys/kernel/tracing; exec perf trace -a -s -e futex -o /dev/null";
  const perf = new Deno.Command("unshare", {
    args: ["--mount", "sh", "-c", script],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await delay(1500);
  const rate = await turn();
  perf.kill("SIGINT");
  await perf.status;
  return rate;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}
