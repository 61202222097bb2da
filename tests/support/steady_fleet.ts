// SPDX-License-Identifier: Apache-2.0
/**
 * Makes windows of a fleet whose load is known: each function has its share, give or take what chance does.
 *
 * @module
 */

import type { ReceivedBatch } from "../../aggregator/storage/part.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { randomOf } from "./fleet.ts";

/** A sample of 99 Hz stands for so many ns. */
export const PERIOD_NS = 10_101_010;

export interface WindowOptions {
  readonly node: string;
  /** Unix ms. */
  readonly startMs: number;
  /** Holds how many samples each function has on average, by `pod/function`, or `function` of the pod `cart-1`. */
  readonly samples: Readonly<Record<string, number>>;
  /** Calls of `pread64`: how many, how long each takes, ns, and how many fail. @default none */
  readonly calls?: { readonly count: number; readonly ns: number; readonly failed: number };
  /** Waits for a mutex in `lock_cart`, which `flush_cart` holds as long: how many, and ns of each. @default none */
  readonly waits?: { readonly count: number; readonly ns: number };
  readonly losses?: ReadonlyMap<string, number>;
}

const WINDOW_MS = 10_000;

/** Makes windows of 10 s, each with a sequence of its own; the same for a seed. */
export class SteadyFleet {
  readonly #random: () => number;
  readonly #epoch: bigint;
  #sequence = 0;

  /** @param epochMs when its agents were started, in Unix ms */
  constructor(seed: number, epochMs = 1_700_000_000_000) {
    this.#random = randomOf(seed);
    this.#epoch = BigInt(epochMs) * 1_000_000n;
  }

  /** Makes one window. Counts of samples are by chance around what is asked for. */
  window({ node, startMs, samples, calls, waits, losses = new Map() }: WindowOptions): ReceivedBatch {
    const builder = new ProfileBuilder();
    const frame = (name: string) =>
      builder.frame({
        ...{ function: name, module: "/usr/bin/shop", file: "", line: 0, buildId: "ab".repeat(20) },
        address: hashOf(name),
      });
    const seriesOf = (pod: string) =>
      builder.series({
        ...{ pid: 7, comm: "shop", exe: "/usr/bin/shop", pod, namespace: "shop", service: "shop" },
      });
    for (const [name, mean] of Object.entries(samples)) {
      const [pod, fn] = name.includes("/") ? name.split("/") as [string, string] : ["cart-1", name];
      const count = this.#poisson(mean);
      const stack = builder.stack([frame(fn), frame("handle_request"), frame("main")]);
      if (count > 0) builder.add("cpu", seriesOf(pod), stack, count * PERIOD_NS, count);
    }
    if (calls) {
      const bucket = Math.floor(Math.log2(calls.ns));
      builder.addSyscall({
        ...{ series: seriesOf("cart-1"), call: "pread64", category: "file", count: calls.count },
        ...{ total: calls.count * calls.ns, min: calls.ns, max: calls.ns, open: 0, oldest: 0 },
        errors: new Map(calls.failed > 0 ? [[5, calls.failed]] : []),
        histogram: Array.from({ length: bucket + 1 }, (_, i) => i === bucket ? calls.count : 0),
      });
    }
    if (waits) {
      builder.addLock({
        ...{ series: seriesOf("cart-1"), stack: builder.stack([frame("lock_cart"), frame("main")]) },
        ...{ class: "mutex", type: "futex", outcome: "woken", holder: undefined },
        ...{ count: waits.count, delay: waits.count * waits.ns, max: waits.ns, histogram: [] },
      });
      builder.addHold({
        ...{
          series: seriesOf("cart-1"),
          stack: builder.stack([frame("flush_cart"), frame("main")]),
          class: "mutex",
        },
        ...{ count: waits.count, total: waits.count * waits.ns, max: waits.ns, histogram: [] },
      });
    }
    return {
      ...builder.build(),
      ...{ agentId: node, node, epoch: this.#epoch, sequence: ++this.#sequence, agentVersion: "0.1.0" },
      startNs: BigInt(startMs) * 1_000_000n,
      endNs: BigInt(startMs + WINDOW_MS) * 1_000_000n,
      ...{ losses, stackEnds: new Map([["complete", 1]]), receivedMs: startMs + WINDOW_MS },
    };
  }

  /** Draws a number of Poisson's distribution, by multiplying uniform ones. */
  #poisson(mean: number): number {
    let count = 0;
    for (let left = mean; left > 0; left -= 500) {
      const limit = Math.exp(-Math.min(left, 500));
      for (let product = this.#random(); product > limit; product *= this.#random()) count++;
    }
    return count;
  }
}

function hashOf(text: string): number {
  let hash = 4096;
  for (const char of text) hash = (hash * 31 + char.charCodeAt(0)) % 2 ** 31;
  return hash;
}
