// SPDX-License-Identifier: Apache-2.0
/**
 * A shop on two nodes, as its agents would push it: functions, locks and calls with the noise that counts have, and one
 * function that takes five times as long in the end. It goes on a little ahead of now, so that a slow test has data.
 *
 * @module
 */

import { PushClient } from "../../agent/push/client.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import type { Batch } from "../../profile/model.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import type { RunningAggregator } from "../../tasks/programs.ts";

export const NODES = ["node-1", "node-2"] as const;
/** This function takes five times as long in the end. */
export const SLOWED = "parse_json";
const WINDOW_MS = 30_000;
/** From 25 minutes ago until 10 minutes ahead; slowed from 10 minutes ago on. */
const WINDOWS = 70;
const WINDOWS_BEFORE = 50;
const SLOWED_FROM = 30;
const SLOWER = 5;
/** The same time a day ago has so many windows, each so long. */
const YESTERDAY = 8;
const YESTERDAY_MS = 300_000;
const DAY_MS = 86_400_000;
const SAMPLE_NS = 10_101_010;

/** Says how many samples of 30 s each function has on average; others are named by number. */
const RATES: Readonly<Record<string, number>> = {
  [SLOWED]: 100,
  render_page: 240,
  sql_query: 180,
  ...Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`step_${i}(std::vector<unsigned char> const&)`, 5 + 3 * i]),
  ),
};

/** Returns numbers from 0 to 1, the same for a seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns a count of Poisson's distribution, as a sum of exponential times. */
function poisson(mean: number, random: () => number): number {
  let count = -1;
  let time = 0;
  while (time < mean) {
    time += -Math.log(1 - random());
    count++;
  }
  return count;
}

/** Gives each function a place of its own in its program. */
function addressOf(name: string): number {
  let hash = 7;
  for (const character of name) hash = (Math.imul(hash, 31) + character.codePointAt(0)!) >>> 0;
  return hash * 16;
}

/** Returns the batches that agents would push at `now`, Unix milliseconds. */
export function shopBatches(now: number): Batch[] {
  const random = seeded(16);
  const first = Math.floor(now / 10_000) * 10_000 - WINDOWS_BEFORE * WINDOW_MS;
  return NODES.flatMap((node) => [
    ...Array.from({ length: YESTERDAY }, (_, window) => {
      const startMs = first - DAY_MS + window * YESTERDAY_MS;
      return batch(node, { sequence: window + 1, startMs, lengthMs: YESTERDAY_MS, slowed: false, random });
    }),
    ...Array.from({ length: WINDOWS }, (_, window) => {
      const startMs = first + window * WINDOW_MS;
      const slowed = window >= SLOWED_FROM;
      return batch(node, { sequence: YESTERDAY + window + 1, startMs, lengthMs: WINDOW_MS, slowed, random });
    }),
  ]);
}

interface Window {
  readonly sequence: number;
  readonly startMs: number;
  readonly lengthMs: number;
  readonly slowed: boolean;
  readonly random: () => number;
}

function batch(node: string, { sequence, startMs, lengthMs, slowed, random }: Window): Batch {
  const windows = lengthMs / WINDOW_MS;
  const builder = new ProfileBuilder();
  const frame = (name: string, module = "/usr/bin/shopd") =>
    builder.frame({
      function: name,
      module,
      file: "",
      line: 0,
      buildId: "ab".repeat(20),
      address: addressOf(name),
    });
  const shop = { exe: "/usr/bin/shopd", pod: "shop-0", namespace: "web", service: "shop", labels: "run=1" };
  const series = builder.series({ pid: 100, comm: "worker", ...shop });
  const redis = builder.series({
    pid: 200,
    comm: "redis-server",
    exe: "/usr/bin/redis-server",
    service: "cache",
  });
  const roots = [frame("serve"), frame("main")];
  for (const [name, rate] of Object.entries(RATES)) {
    const count = poisson(windows * rate * (slowed && name === SLOWED ? SLOWER : 1), random);
    if (count > 0) {
      builder.add("cpu", series, builder.stack([frame(name), ...roots]), count * SAMPLE_NS, count);
    }
  }
  const count = poisson(windows * 100, random);
  builder.add(
    "cpu",
    redis,
    builder.stack([frame("dictFind", "/usr/bin/redis-server")]),
    count * SAMPLE_NS,
    count,
  );
  const stack = builder.stack([frame("add_order"), ...roots]);
  builder.addLock({
    ...{ series, stack, class: "mutex", type: "futex", outcome: "woken" },
    holder: { series, stack: builder.stack([frame("flush_orders"), ...roots]) },
    ...{ count: 20, delay: 400e6, max: 35e6, histogram: [...Array(24).fill(0), 20] },
  });
  builder.addSyscall({
    ...{ series, call: "openat", category: "file", count: 100, total: 2e6, min: 5000, max: 90_000 },
    ...{ errors: new Map([[2, 40]]), histogram: [...Array(14).fill(0), 100], open: 0, oldest: 0 },
  });
  builder.addSyscall({
    ...{ series: redis, call: "fdatasync", category: "file", count: 30, total: 90e6, min: 1e6, max: 9e6 },
    ...{ errors: new Map(), histogram: [...Array(21).fill(0), 30], open: 0, oldest: 0 },
  });
  const startNs = BigInt(startMs) * 1_000_000n;
  return {
    ...builder.build(),
    agentId: `agent-of-${node}`,
    epoch: 1_767_225_600_000_000_000n,
    sequence,
    startNs,
    endNs: startNs + BigInt(lengthMs) * 1_000_000n,
    node,
    agentVersion: "0.1.0",
    losses: new Map([["counts_map_full", 3]]),
    stackEnds: new Map([["complete", 990], ["no_rule", 10]]),
  };
}

/**
 * Pushes what the shop's agents would have, and waits until it is in the tables.
 *
 * @returns when the one function became slower, in Unix milliseconds; it stays so for 20 minutes
 */
export async function pushShop(
  aggregator: RunningAggregator,
  token?: string,
  readToken: string | undefined = token,
): Promise<number> {
  using client = new PushClient({ url: new URL(aggregator.grpc), token });
  const signal = new AbortController().signal;
  const batches = shopBatches(Date.now());
  for (const batch of batches) await client.push(writeBatch(batch), { signal });
  const headers: Record<string, string> = readToken === undefined
    ? {}
    : { authorization: `Bearer ${readToken}` };
  for (;;) {
    const { staged_total } = await aggregator.json("/api/batches?limit=1", { headers }) as {
      staged_total: number;
    };
    if (staged_total === 0) return Number(batches[YESTERDAY + SLOWED_FROM]!.startNs / 1_000_000n);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
