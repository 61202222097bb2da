// SPDX-License-Identifier: Apache-2.0
/**
 * A fleet's batches over real gRPC into an aggregator with its embedded engine: sample rows a second, how long pushes
 * take, what it costs; beside the same rows sent straight to the engine by a bare loop, in the same run.
 *
 * The stacks are recorded by the real agent on this machine; each simulated agent is another node with its own share of
 * the functions, by a seed.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { PushClient, PushError } from "../agent/push/client.ts";
import { EmbeddedClickHouse } from "../aggregator/embedded/supervisor.ts";
import { StorageClient } from "../aggregator/storage/client.ts";
import { createDatabase, migrate } from "../aggregator/storage/migrate.ts";
import { toBlocks } from "../aggregator/storage/rows.ts";
import { WrittenHashes } from "../aggregator/storage/written_hashes.ts";
import type { Batch } from "../profile/model.ts";
import { readBatch } from "../profile/wire/read_batch.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { RunningAggregator } from "../tasks/programs.ts";
import { recordBatches } from "./recorded.ts";
import type { Row } from "./row.ts";

const SECONDS = 60;
/** They push as fast as they are acknowledged. */
const BUSY_AGENTS = 20;
/** They push once in ten seconds. */
const CALM_AGENTS = 1000;
const CALM_SECONDS = 30;
const BARE_SECONDS = 15;
/** Rows of a batch: those of a busy node. */
const ROWS = 5000;

/** Returns the rows of `deno task bench fleet`. */
export async function rows(): Promise<Row[]> {
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const recorded = await recordBatches(ROWS);
  const bare = await bareRate(`${folder}/bare`, recorded);
  const aggregator = cleanup.use(
    await RunningAggregator.start({
      args: [`--data-dir=${folder}/data`, "--max-connections=4000", "--log-level=error"],
      env: await imageAllocator(),
    }),
  );
  const fleet = new SimulatedFleet(aggregator, recorded);
  const busy = await fleet.run({ agents: BUSY_AGENTS, seconds: SECONDS, everyMs: 0 });
  const calm = await fleet.run({ agents: CALM_AGENTS, seconds: CALM_SECONDS, everyMs: 10_000 });
  const stored = await fleet.stored();
  if (stored !== fleet.pushed) {
    throw new Error(`Lost samples: ${fleet.pushed} were acknowledged, ${stored} are in the tables`);
  }
  return [
    {
      what: `store a fleet's batches, ${SECONDS} s`,
      ours: busy.rowsPerSecond,
      unit: "rows/s",
      rival: { name: "bare inserts of the same rows", value: bare },
    },
    { what: `push, p99, ${BUSY_AGENTS} agents without a pause`, ours: busy.p99Ms, unit: "ms" },
    { what: `push, p99, ${CALM_AGENTS} agents, a batch in 10 s`, ours: calm.p99Ms, unit: "ms" },
    { what: "CPU of the aggregator", ours: busy.aggregatorCpuMsPerMb, unit: "ms/MB" },
    { what: "CPU of the engine", ours: busy.engineCpuMsPerMb, unit: "ms/MB" },
    {
      what: "memory of the aggregator at the end",
      ours: calm.residentMb,
      unit: "MB",
      less: true,
      rival: { name: "after 10 s", value: busy.firstResidentMb },
    },
  ];
}

interface Figures {
  readonly rowsPerSecond: number;
  readonly p99Ms: number;
  readonly aggregatorCpuMsPerMb: number;
  readonly engineCpuMsPerMb: number;
  readonly firstResidentMb: number;
  readonly residentMb: number;
}

class SimulatedFleet {
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

  async run(
    { agents, seconds, everyMs }: { agents: number; seconds: number; everyMs: number },
  ): Promise<Figures> {
    this.#run++;
    const times: number[] = [];
    let [bytes, rows] = [0, 0];
    const engine = engineOf(this.#aggregator.child.pid);
    const before = [cpuMs(this.#aggregator.child.pid), cpuMs(engine)];
    const start = performance.now();
    const end = start + seconds * 1000;
    const agent = async (index: number) => {
      using client = new PushClient({ url: new URL(this.#aggregator.grpc), gzip: false });
      const signal = new AbortController().signal;
      // Nodes do not start together.
      await delay(everyMs * Math.random());
      for (let sequence = 1; performance.now() < end; sequence++) {
        const at = (index + sequence) % this.#bodies.length;
        const request = this.#request(at, { index, sequence });
        for (let taken = false; !taken;) {
          const asked = performance.now();
          try {
            const { backpressure } = await client.push(request, { signal });
            times.push(performance.now() - asked);
            taken = true;
            if (backpressure) await delay(200);
          } catch (error) {
            if (!(error instanceof PushError)) throw error;
            await delay(500);
          }
        }
        bytes += request.length;
        rows += this.#recorded[at]!.samples.kind.length;
        this.#pushed += this.#recorded[at]!.samples.count.reduce((a, b) => a + b, 0);
        await delay(everyMs);
      }
    };
    const first = delay(Math.min(10_000, seconds * 500)).then(() => this.#residentMb());
    await Promise.all(Array.from({ length: agents }, (_, index) => agent(index)));
    while (!await this.#isEmpty()) await delay(50);
    const took = performance.now() - start;
    const after = [cpuMs(this.#aggregator.child.pid), cpuMs(engine)];
    times.sort((a, b) => a - b);
    return {
      rowsPerSecond: rows / (took / 1000),
      p99Ms: times[Math.floor(times.length * 0.99)]!,
      aggregatorCpuMsPerMb: (after[0]! - before[0]!) / (bytes / 1e6),
      engineCpuMsPerMb: (after[1]! - before[1]!) / (bytes / 1e6),
      firstResidentMb: await first,
      residentMb: this.#residentMb(),
    };
  }

  /**
   * Returns the message of a push. Where a field is given twice, its last value counts: so a body is encoded once for
   * all nodes.
   */
  #request(at: number, { index, sequence }: { index: number; sequence: number }): Uint8Array {
    const endNs = BigInt(Date.now()) * 1_000_000n;
    const node = `bench-${this.#run}-${index}`;
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

  async #isEmpty(): Promise<boolean> {
    const { buffer } = await this.#aggregator.json("/api/health") as { buffer: { batches: number } };
    return buffer.batches === 0;
  }

  #residentMb(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#aggregator.child.pid}/status`);
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) / 1000;
  }
}

/** Returns what the aggregator's image tells the C library's allocator. */
async function imageAllocator(): Promise<Record<string, string>> {
  const image = await Deno.readTextFile(new URL("../Dockerfile.aggregator", import.meta.url));
  const settings = [...image.matchAll(/\b(MALLOC_\w+)=(\d+)/g)].map(([, name, value]) => [name!, value!]);
  if (settings.length === 0) throw new Error("Cannot find the allocator's settings in Dockerfile.aggregator");
  return Object.fromEntries(settings);
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

/** Rows a second of the same samples into the same tables, blocks made beforehand, by nothing but inserts. */
async function bareRate(dataDir: string, recorded: readonly Batch[]): Promise<number> {
  await using cleanup = new AsyncDisposableStack();
  const engine = cleanup.use(await EmbeddedClickHouse.start({ dataDir }));
  const { url, username, password } = engine;
  await createDatabase({ url, username, password });
  const client = cleanup.use(new StorageClient({ url, username, password }));
  await migrate(client);
  const seen = () => new WrittenHashes(1_000_000);
  const now = BigInt(Date.now()) * 1_000_000n;
  const batches = Array.from({ length: 20 }, (_, i) => ({
    ...readBatch(writeBatch(recorded[i % recorded.length]!)),
    ...{
      node: `bare-${i}`,
      agentId: `bare-${i}`,
      startNs: now - 10_000_000_000n,
      endNs: now,
      receivedMs: Date.now(),
    },
  }));
  const tables = { functions: seen(), symbols: seen(), locations: seen(), stacks: seen(), series: seen() };
  const { samples } = toBlocks(batches, tables);
  const start = performance.now();
  let rows = 0;
  for (let token = 0; performance.now() - start < BARE_SECONDS * 1000; token++) {
    await client.insert("samples", samples, { token: `bare-${token}` });
    rows += samples[0]!.rows;
  }
  return rows / ((performance.now() - start) / 1000);
}

/** Returns the CPU time so far. */
function cpuMs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
  return (user! + system!) * 10;
}

/** Returns the child in which the engine runs. */
function engineOf(pid: number): number {
  const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
  if (children !== "") return Number(children.split(" ")[0]);
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error("Cannot find the engine's process");
}
