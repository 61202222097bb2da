// SPDX-License-Identifier: Apache-2.0
/**
 * Measures how long agents wait for an answer to a push, where they push what a fleet pushes and not what they can:
 * beside what the aggregator itself says that pushes took.
 *
 * @module
 */

import { setPriority } from "node:os";
import { sliceProfile } from "../profile/slice.ts";
import { recordBatches } from "./recorded.ts";
import type { Row } from "./row.ts";
import { type Figures, SimulatedFleet, startFleetAggregator } from "./simulated_fleet.ts";

const SECONDS = 60;
/** Agents are other machines: they do not wait here for the aggregator's and the engine's turns of the processor. */
const NICE = -10;
/** Busy nodes push so many rows in a batch, calm ones so many, once in ten seconds. */
const ROWS = 5000;
const CALM_ROWS = 500;
const CALM_AGENTS = 1000;
const CALM_EVERY_MS = 10_000;
/** The goal is 300,000 rows a second, by so many. */
const BUSY_AGENTS = 20;
const BUSY_RATE = 300_000;
const GOAL = { name: "the goal", value: 100 };

/** Returns the rows of `deno task bench pushes`. */
export async function rows(): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const recorded = await recordBatches(ROWS);
  const aggregator = cleanup.use(await startFleetAggregator(`${folder}/data`));
  setPriority(NICE);
  const calmFleet = new SimulatedFleet(
    aggregator,
    recorded.map((batch) => ({ ...batch, ...sliceProfile(batch, 0, CALM_ROWS) })),
  );
  const calm = await calmFleet.run({ agents: CALM_AGENTS, seconds: SECONDS, everyMs: CALM_EVERY_MS });
  const busyFleet = new SimulatedFleet(aggregator, recorded);
  const everyMs = 1000 * BUSY_AGENTS * ROWS / BUSY_RATE;
  const busy = await busyFleet.run({ agents: BUSY_AGENTS, seconds: SECONDS, everyMs });
  const [stored, pushed] = [await busyFleet.stored(), calmFleet.pushed + busyFleet.pushed];
  if (stored !== pushed) {
    throw new Error(`Lost samples: ${pushed} were acknowledged, ${stored} are in the tables`);
  }
  return [
    ...rowsOf(calm, `${CALM_AGENTS} agents, ${CALM_ROWS} rows in 10 s each`),
    ...rowsOf(busy, `${BUSY_AGENTS} agents, ${BUSY_RATE.toLocaleString("en")} rows/s in all`),
    { what: "rows that they pushed", ours: busy.pushedPerSecond, unit: "rows/s" },
    { what: "rows stored, until none was staged", ours: busy.rowsPerSecond, unit: "rows/s" },
  ];
}

function rowsOf({ p99Ms, firstP99Ms, ownP99Ms, delayP99Ms }: Figures, who: string): Row[] {
  const of = { unit: "ms", less: true };
  return [
    { what: `push, p99, ${who}`, ours: p99Ms, ...of, rival: GOAL },
    { what: "the first of each agent, which connects", ours: firstP99Ms, ...of },
    { what: "the same by the aggregator's histogram", ours: ownP99Ms, ...of },
    { what: "timers of the agents' process are late, p99", ours: delayP99Ms, ...of },
  ];
}
