// SPDX-License-Identifier: Apache-2.0
/**
 * Agents that push recorded batches over real gRPC, each as a node of its own, and what that takes.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { statFields } from "../common/proc_stat.ts";
import { PushClient, PushError } from "../agent/push/client.ts";
import type { Batch } from "../profile/model.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { RunningAggregator } from "../tasks/programs.ts";
import { type Cumulative, quantileBetween, readHistogram } from "./histogram.ts";
import { usage } from "./usage.ts";

/** Starts an aggregator that takes a fleet's connections, as its image does. */
export async function startFleetAggregator(dataDir: string): Promise<RunningAggregator> {
  return await RunningAggregator.start({
    args: [`--data-dir=${dataDir}`, "--max-connections=4000", "--log-level=error"],
    env: await imageAllocator(),
  });
}

/** Returns what the aggregator's image tells the C library's allocator. */
async function imageAllocator(): Promise<Record<string, string>> {
  const image = await Deno.readTextFile(new URL("../Dockerfile.aggregator", import.meta.url));
  const settings = [...image.matchAll(/\b(MALLOC_\w+)=(\d+)/g)].map(([, name, value]) => [name!, value!]);
  if (settings.length === 0) throw new Error("Cannot find the allocator's settings in Dockerfile.aggregator");
  return Object.fromEntries(settings);
}

/** Says who pushes, for how long, and how often. */
export interface RunOptions {
  readonly agents: number;
  readonly seconds: number;
  /** Each pushes when so long has passed since it was to push last, in ms; 0 is without a pause. */
  readonly everyMs: number;
}

/** Is what a run took. */
export interface Figures {
  /** Is what was stored, until none was staged. */
  readonly rowsPerSecond: number;
  /** Is what was acknowledged, until the last was. */
  readonly pushedPerSecond: number;
  /** Is what agents waited for an answer, from when they had the batch. */
  readonly p99Ms: number;
  /** Is the same of the first push of each agent, which connects. */
  readonly firstP99Ms: number;
  /** Is what pushes took by the aggregator's own histogram. */
  readonly ownP99Ms: number;
  /** Is by how much timers of this process are late: so much of `p99Ms` may be the agents' own. */
  readonly delayP99Ms: number;
  readonly aggregatorCpuMsPerMb: number;
  readonly engineCpuMsPerMb: number;
  /** Is the aggregator's memory after each third of the run. */
  readonly residentMb: readonly number[];
}

/** Pushes, and counts what was acknowledged. */
export class SimulatedFleet {
  readonly #aggregator: RunningAggregator;
  readonly #recorded: readonly Batch[];
  readonly #bodies: readonly Uint8Array[];
  readonly #epoch = BigInt(Date.now()) * 1_000_000n;
  #run = 0;
  #pushed = 0;

  constructor(aggregator: RunningAggregator, recorded: readonly Batch[]) {
    this.#aggregator = aggregator;
    this.#recorded = recorded;
    this.#bodies = recorded.map((batch) => writeBatch(batch));
  }

  /** Samples that were acknowledged. */
  get pushed(): number {
    return this.#pushed;
  }

  /** Returns how many of them are in the tables, once none is staged. */
  async stored(): Promise<number> {
    while (!await this.#isEmpty()) await delay(100);
    const body = { kind: "cpu", from: "-2h", to: "now", group_by: ["module"], limit: 1 };
    const answer = await this.#aggregator.json("/api/aggregate", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (answer as { total: { count: number } }).total.count;
  }

  /** @param pushed is awaited once the last push is acknowledged: from then on nothing else may be pushed */
  async run({ agents, seconds, everyMs }: RunOptions, pushed?: () => Promise<void>): Promise<Figures> {
    this.#run++;
    const times: number[] = [];
    const firstTimes: number[] = [];
    let [bytes, rows] = [0, 0];
    const engine = engineOf(this.#aggregator.child.pid);
    const before = [cpuMs(this.#aggregator.child.pid), cpuMs(engine)];
    // A thousand channels take this process half a second: agents are machines that have theirs.
    using clients = new DisposableStack();
    const channels = Array.from({ length: agents }, () => {
      return clients.use(new PushClient({ url: new URL(this.#aggregator.grpc), gzip: false }));
    });
    await delay(0);
    const start = performance.now();
    const end = start + seconds * 1000;
    const own = await this.#ownTimes();
    using delays = new TimerDelays();
    const agent = async (client: PushClient, index: number) => {
      const signal = new AbortController().signal;
      // Nodes do not start together.
      let due = start + everyMs * Math.random();
      for (let sequence = 1; due < end; sequence++) {
        await delay(due - performance.now());
        const at = (index + sequence) % this.#bodies.length;
        const request = this.#request(at, { index, sequence });
        for (let taken = false; !taken;) {
          const asked = performance.now();
          try {
            const { backpressure } = await client.push(request, { signal });
            const waited = performance.now() - asked;
            times.push(waited);
            if (sequence === 1) firstTimes.push(waited);
            taken = true;
            if (backpressure) await delay(200);
          } catch (error) {
            if (!(error instanceof PushError)) throw error;
            await delay(500);
          }
        }
        bytes += request.length;
        rows += this.#recorded[at]!.samples.kind.length;
        this.#pushed += samplesIn(this.#recorded[at]!);
        due = Math.max(due + everyMs, performance.now());
      }
    };
    const resident = Promise.all([1, 2, 3].map(async (third) => {
      await delay(third * seconds * 1000 / 3);
      return this.#residentMb();
    }));
    await Promise.all(channels.map(agent));
    const pushedPerSecond = rows / ((performance.now() - start) / 1000);
    const delayP99Ms = delays.quantile(0.99);
    const ownP99Ms = 1000 * quantileBetween(own, await this.#ownTimes(), 0.99);
    await pushed?.();
    while (!await this.#isEmpty()) await delay(50);
    const took = performance.now() - start;
    const after = [cpuMs(this.#aggregator.child.pid), cpuMs(engine)];
    return {
      rowsPerSecond: rows / (took / 1000),
      pushedPerSecond,
      p99Ms: quantileOf(times, 0.99),
      firstP99Ms: quantileOf(firstTimes, 0.99),
      ownP99Ms,
      delayP99Ms,
      aggregatorCpuMsPerMb: (after[0]! - before[0]!) / (bytes / 1e6),
      engineCpuMsPerMb: (after[1]! - before[1]!) / (bytes / 1e6),
      residentMb: await resident,
    };
  }

  /**
   * Returns the message of a push. Where a field is given twice, its last value counts: so a body is encoded once for
   * all nodes.
   */
  #request(at: number, { index, sequence }: { index: number; sequence: number }): Uint8Array {
    const endNs = BigInt(Date.now()) * 1_000_000n;
    const node = `bench-${this.#epoch}-${this.#run}-${index}`;
    const empty = writeBatch({
      ...emptyBatch(this.#recorded[at]!),
      ...{ agentId: node, node, epoch: this.#epoch, sequence, startNs: endNs - 10_000_000_000n, endNs },
    });
    const body = this.#bodies[at]!;
    const request = new Uint8Array(body.length + empty.length);
    request.set(body);
    request.set(empty, body.length);
    return request;
  }

  async #ownTimes(): Promise<Cumulative> {
    const response = await this.#aggregator.fetch("/metrics");
    return readHistogram(await response.text(), "aperture_push_duration_seconds");
  }

  async #isEmpty(): Promise<boolean> {
    const { buffer } = await this.#aggregator.json("/api/health") as { buffer: { batches: number } };
    return buffer.batches === 0;
  }

  #residentMb(): number {
    return usage(this.#aggregator.child.pid).rssBytes / 1e6;
  }
}

/** Two timers are set so far apart, in ms. */
const TIMER_MS = 20;

/** Measures by how much timers are late, until it is disposed of. */
class TimerDelays implements Disposable {
  readonly #delays: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #last = performance.now();

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#delays.push(Math.max(0, now - this.#last - TIMER_MS));
      this.#last = now;
    }, TIMER_MS);
  }

  quantile(q: number): number {
    return quantileOf(this.#delays, q);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function quantileOf(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)]!;
}

/** Returns how many samples of CPUs a batch stands for. */
export function samplesIn({ samples }: Batch): number {
  return samples.count.reduce((a, b) => a + b, 0);
}

/** Returns identity and times alone. */
function emptyBatch(batch: Batch): Batch {
  const empty = <T extends object>(columns: T): T =>
    Object.fromEntries(
      Object.entries(columns).map(([name, column]) => [name, (column as Uint32Array).subarray(0, 0)]),
    ) as T;
  const { frames, series, samples, locks, syscalls } = batch;
  return {
    ...batch,
    ...{ strings: [], losses: new Map(), stackEnds: new Map() },
    ...{ frames: empty(frames), series: empty(series), samples: empty(samples), locks: empty(locks) },
    stacks: { offset: Uint32Array.of(0), frame: new Uint32Array() },
    syscalls: { ...empty(syscalls), errorOffset: Uint32Array.of(0), histogramOffset: Uint32Array.of(0) },
  };
}

/** Returns the CPU time so far. */
function cpuMs(pid: number): number {
  const { userSeconds, systemSeconds } = usage(pid);
  return (userSeconds + systemSeconds) * 1000;
}

/** Returns the child in which the engine runs. */
function engineOf(pid: number): number {
  const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
  if (children !== "") return Number(children.split(" ")[0]);
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Number(statFields(Deno.readTextFileSync(`/proc/${name}/stat`))[1]) === pid) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error("Cannot find the engine's process");
}
