// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task soak-agent [MINUTES]`: the agent with all kinds on this machine, and processes that come and go beside what
 * else runs, for so long; 5 minutes without a number. Prints what it holds every half minute, and ends with 1 when its
 * memory, descriptors, threads or maps have grown from the second quarter to the last, or when events were lost. Its
 * short form is a test.
 *
 * @module
 */

import { print } from "../common/main.ts";
import { type Held, lostOf, tooLarge } from "./soak/held.ts";
import { soakAgent } from "./soak/soak_agent.ts";

const EVERY_MS = 30_000;
const PROCESSES = 250;

/** These are counted since the start. */
type Sums = "events" | "losses" | "lateMs" | "cpuSeconds";

async function main(minutes: number): Promise<number> {
  await print(Deno.stdout, "   time   memory  (V8)  maps  files threads   CPU  events    lost  late\n");
  let before: Pick<Held, Sums> = { events: 0, losses: [], lateMs: 0, cpuSeconds: 0 };
  const rounds = await soakAgent({
    rounds: Math.floor(minutes * 60_000 / EVERY_MS),
    everyMs: EVERY_MS,
    processes: PROCESSES,
    args: Deno.args.slice(1),
    onRound: async (held, round) => {
      await print(Deno.stdout, `${cellsOf(held, { before, round }).join(" ")}\n`);
      before = held;
    },
  });
  const problems = tooLarge(rounds);
  for (const problem of problems) await print(Deno.stderr, `${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

function cellsOf(
  held: Held,
  { before, round }: { before: Pick<Held, Sums>; round: number },
): string[] {
  const cpu = 100 * (held.cpuSeconds - before.cpuSeconds) * 1000 / EVERY_MS;
  return [
    `${round * EVERY_MS / 1000} s`.padStart(7),
    `${megabytes(held.rssBytes)} MB`.padStart(8),
    megabytes(held.heapBytes).padStart(5),
    megabytes(held.mapBytes).padStart(5),
    String(held.descriptors).padStart(6),
    String(held.threads).padStart(7),
    `${cpu.toFixed(1)} %`.padStart(7),
    String(held.events - before.events).padStart(8),
    String(lostOf(held) - lostOf(before)).padStart(7),
    `${Math.round(held.lateMs - before.lateMs)} ms`.padStart(8),
  ];
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

Deno.exit(await main(Number(Deno.args[0] ?? 5)));
