// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task soak-agent [MINUTES]`: the agent with all kinds on this machine, and processes that come and go beside what
 * else runs, for so long; 5 minutes without a number. Prints what it holds every half minute, and ends with 1 when its
 * memory, descriptors, threads or maps have grown from the second quarter to the last, or when events were lost.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { print } from "../common/main.ts";
import { PushSink } from "../bench/push_sink.ts";
import { build } from "./build.ts";
import { compile } from "./compile.ts";
import { type Held, readHeld, tooLarge } from "./soak/held.ts";
import { Program } from "./programs.ts";

const PORT = 9391;
const EVERY_MS = 30_000;
/** Processes a second, each with so many different calls. */
const CHURN = ["20", "250"];
/** /proc/PID/stat has so many a second: USER_HZ is 100 on every Linux that we know. */
const TICKS = 100;

async function main(minutes: number): Promise<number> {
  await build("bpf");
  await using parts = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  const churn = `${folder}/churn`;
  await compile(new URL("../tests/programs/churn.c", import.meta.url), churn);
  const sink = parts.use(await PushSink.start());
  const agent = parts.use(
    new Program("agent", [
      ...["--mode=all", `--aggregator=${sink.url}`, `--listen=127.0.0.1:${PORT}`, "--log-level=warning"],
      ...Deno.args.slice(1),
    ]),
  );
  const load = new Deno.Command(churn, { args: ["1000000000", ...CHURN], stdout: "null" }).spawn();
  parts.defer(async () => {
    load.kill("SIGKILL");
    await load.status;
  });
  await print(Deno.stdout, "   time   memory  (V8)  maps  files threads   CPU  events    lost  late\n");
  const rounds: Held[] = [];
  let before = { events: 0, lost: 0, lateMs: 0, cpuSeconds: 0 };
  for (let round = 1; round * EVERY_MS <= minutes * 60_000; round++) {
    await delay(EVERY_MS);
    if (agent.ended) throw new Error(`The agent has ended with status ${agent.ended.code}`);
    const held = await readHeld(agent.child.pid, {
      metrics: `http://127.0.0.1:${PORT}/metrics`,
      ticks: TICKS,
    });
    rounds.push(held);
    const cpu = 100 * (held.cpuSeconds - before.cpuSeconds) * 1000 / EVERY_MS;
    const cells = [
      `${round * EVERY_MS / 1000} s`.padStart(7),
      `${megabytes(held.rssBytes)} MB`.padStart(8),
      megabytes(held.heapBytes).padStart(5),
      megabytes(held.mapBytes).padStart(5),
      String(held.descriptors).padStart(6),
      String(held.threads).padStart(7),
      `${cpu.toFixed(1)} %`.padStart(7),
      String(held.events - before.events).padStart(8),
      String(held.lost - before.lost).padStart(7),
      `${Math.round(held.lateMs - before.lateMs)} ms`.padStart(8),
    ];
    await print(Deno.stdout, `${cells.join(" ")}\n`);
    before = held;
  }
  const problems = tooLarge(rounds);
  for (const problem of problems) await print(Deno.stderr, `${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

Deno.exit(await main(Number(Deno.args[0] ?? 5)));
