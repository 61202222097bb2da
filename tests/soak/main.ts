// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task soak`: faults at random on the path into storage, for minutes.
 *
 * @module
 */

import { print, run } from "../../common/main.ts";
import { defineSettings, duration, integer, readSettings } from "../../common/settings.ts";
import { soak } from "./soak.ts";

/** The aggregator may grow so much in the second half of some minutes, in bytes: what is garbage, and no more with time. */
const MAX_GROWTH_BYTES = 128e6;

const SETTINGS = defineSettings({
  duration: {
    flag: "duration",
    placeholder: "TIME",
    help: "How long",
    default: "5m",
    schema: duration(1000),
  },
  seed: { flag: "seed", placeholder: "N", help: "Which faults, and when", schema: integer(0, 2 ** 31) },
  agents: { flag: "agents", placeholder: "N", help: "How many push", default: "8", schema: integer(1, 1000) },
});

async function main(): Promise<number> {
  const { duration, agents, seed = Math.floor(Math.random() * 2 ** 31) } = readSettings(
    SETTINGS,
    Deno.args,
    {},
  );
  const say = (line: string) => void print(Deno.stderr, `${new Date().toISOString()} ${line}\n`);
  say(`--seed ${seed}`);
  const result = await soak({ seconds: duration / 1000, seed, agents, say });
  const { pushed, stored, batches, dropped, residentBytes, steps } = result;
  const same = pushed.value === stored.value && pushed.count === stored.count;
  const given = Object.values(dropped).reduce((a, b) => a + b, 0);
  const faults = [...steps].map(([name, times]) => `${name} ${times}`).join(", ");
  await print(
    Deno.stdout,
    `${batches} batches, ${pushed.count} events of ${pushed.value} ns pushed, ${stored.count} of ${stored.value} ns ` +
      `stored: ${same ? "the same" : "NOT THE SAME"}; ${given} given up (${JSON.stringify(dropped)}); ` +
      `${Math.round(residentBytes.ended / 1e6)} MB resident, ${
        Math.round(residentBytes.halfway / 1e6)
      } halfway; ${faults}\n`,
  );
  const grown = residentBytes.ended - residentBytes.halfway > MAX_GROWTH_BYTES;
  return same && given === 0 && !grown ? 0 : 1;
}

if (import.meta.main) await run("soak", main);
