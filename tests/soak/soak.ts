// SPDX-License-Identifier: Apache-2.0
/**
 * Does what may go wrong on the path into storage, at random by a seed, while agents push; at the end all is well
 * again, and the tables hold what the agents counted, exactly.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { PushClient } from "../../agent/push/client.ts";
import { Pusher } from "../../agent/push/pusher.ts";
import { StorageClient } from "../../aggregator/storage/client.ts";
import { EmbeddedClickHouse } from "../../aggregator/embedded/supervisor.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import type { Profile } from "../../profile/model.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import { freePort } from "../../common/free_port.ts";
import { Program } from "../../tasks/programs.ts";
import { makeBatch } from "../support/batches.ts";
import { pushOnce } from "../support/grpc_client.ts";
import { run, TempFolder } from "../support/programs.ts";
import { Front, type Mood, MOODS } from "./front.ts";
import { Wire } from "./wire.ts";

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly agents: number;
  /** It is told what is done, a line each. */
  readonly say: (line: string) => void;
}

/** Sums of all samples, in ns and in times. */
export interface Sums {
  readonly value: bigint;
  readonly count: bigint;
}

export interface SoakResult {
  readonly pushed: Sums;
  readonly stored: Sums;
  readonly batches: number;
  /** Counts the steps by what was done. */
  readonly steps: ReadonlyMap<string, number>;
  /** The aggregator has so much after the first half and at the end, in bytes. */
  readonly residentBytes: { readonly halfway: number; readonly ended: number };
  /** Counts the batches that agents gave up, by reason, or could not deliver. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** The aggregator has so many: fewer than what a flood takes. */
const DESCRIPTORS = 400;
const DISK = "96m";
const WINDOW_MS = 250;

/** Agents may take so long at the end to deliver what waits. */
const DELIVERY_MS = 300_000;

/** Runs for `seconds` and then until all is stored; needs root, for a small disk. */
export async function soak({ seconds, seed, agents, say }: SoakOptions): Promise<SoakResult> {
  await using stack = new AsyncDisposableStack();
  const random = generator(seed);
  const folder = stack.use(new TempFolder());
  const disk = `${folder.path}/disk`;
  Deno.mkdirSync(disk);
  run("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", disk]);
  stack.defer(() => void run("umount", [disk]));
  const engine = stack.use(await EmbeddedClickHouse.start({ dataDir: `${folder.path}/engine` }));
  const front = stack.use(new Front(engine.url));
  const system = stack.use(new System({ front, engine, disk, folder: folder.path }));
  await system.start();
  const fleet = stack.use(new Fleet(agents, { port: system.wire.port, random }));
  const steps = stepsOf({ system, front, disk, random });
  const done = new Map<string, number>();
  const end = performance.now() + seconds * 1000;
  let halfway: number | undefined;
  while (performance.now() < end) {
    if (performance.now() > end - seconds * 500) halfway ??= await system.residentBytes();
    const name = Object.keys(steps)[Math.floor(random() * Object.keys(steps).length)]!;
    say(name);
    done.set(name, (done.get(name) ?? 0) + 1);
    await steps[name]!();
    await delay(200 + random() * 600);
    front.mood = "well";
  }
  say("all is well again");
  const { dropped, batches } = await fleet.stop();
  await system.drained();
  const { url, username, password } = engine;
  const client = stack.use(new StorageClient({ url, username, password }));
  const [stored] = await client.rows<{ value: string; count: string }>(
    "SELECT sum(value) AS value, sum(count) AS count FROM samples WHERE startsWith(node, 'soak-')",
  );
  const ended = await system.residentBytes();
  return {
    pushed: fleet.pushed,
    stored: { value: BigInt(stored!.value), count: BigInt(stored!.count) },
    ...{ batches, steps: done, dropped },
    residentBytes: { halfway: halfway ?? ended, ended },
  };
}

type Steps = Readonly<Record<string, () => Promise<void>>>;

function stepsOf(
  { system, front, disk, random }: { system: System; front: Front; disk: string; random: () => number },
): Steps {
  const moods = MOODS.map((mood: Mood) =>
    [`storage is ${mood}`, () => {
      front.mood = mood;
      return Promise.resolve();
    }] as const
  );
  return {
    ...Object.fromEntries(moods),
    "kill": () => system.restart("SIGKILL"),
    "stop": () => system.restart("SIGTERM"),
    "cut connections"() {
      system.wire.cut();
      return Promise.resolve();
    },
    async "fill the disk"() {
      const filler = `${disk}/filler`;
      await Deno.writeFile(filler, new Uint8Array(100 << 20)).catch(() => {});
      await delay(500 + random() * 1000);
      await Deno.remove(filler);
    },
    async "take all descriptors"() {
      using clients = new DisposableStack();
      for (const port of [system.grpcPort, system.httpPort]) {
        for (let i = 0; i < DESCRIPTORS; i++) {
          const client = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
          if (client) clients.use(client);
        }
      }
      await delay(300);
    },
    async "send poison"() {
      const target = `127.0.0.1:${system.grpcPort}`;
      for (const bytes of poison()) await pushOnce(target, bytes, {});
    },
  };
}

/** Returns what is malformed, of another time, or a thousand times as large when it is written out. */
function poison(): Uint8Array[] {
  const batch = makeBatch({ agentId: "poison" });
  const rows = 65_536;
  const large = new Uint32Array(rows).fill(batch.strings.length);
  const zeros = new Uint32Array(rows);
  const frames = {
    ...{ function: large, module: large, file: large, buildId: large, line: zeros },
    ...{ address: new Float64Array(rows), startLine: zeros, inlined: zeros, rank: zeros },
  };
  const bomb = { ...batch, strings: [...batch.strings, "x".repeat(16_384)], frames };
  return [
    crypto.getRandomValues(new Uint8Array(10_000)),
    writeBatch(batch),
    writeBatch({ ...batch, startNs: 7_000_000_000_000_000_000n, endNs: 7_000_000_001_000_000_000n }),
    writeBatch(bomb),
    new Uint8Array(17 << 20),
  ];
}

interface SystemOptions {
  readonly front: Front;
  readonly engine: EmbeddedClickHouse;
  readonly disk: string;
  readonly folder: string;
}

/** The aggregator with a buffer on a small disk and storage behind a front. */
class System implements AsyncDisposable {
  readonly grpcPort = freePort();
  readonly httpPort = freePort();
  readonly wire: Wire;
  readonly #options: SystemOptions;
  #program: Program | undefined;

  constructor(options: SystemOptions) {
    this.#options = options;
    this.wire = new Wire(this.grpcPort);
  }

  async start(): Promise<void> {
    const { front, engine, disk, folder } = this.#options;
    this.#program = new Program("aggregator", [
      `--listen=127.0.0.1:${this.grpcPort}`,
      `--admin-listen=127.0.0.1:${this.httpPort}`,
      `--clickhouse-endpoint=${front.url}`,
      `--clickhouse-user=${engine.username}`,
      `--data-dir=${folder}/data`,
      `--buffer-path=${disk}/staged.kv`,
      "--flush-interval=100ms",
      "--max-connections=10000",
      "--max-connections-per-address=10000",
      "--log-level=error",
    ], {
      env: { APERTURE_CLICKHOUSE_PASSWORD: engine.password },
      wrapper: ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$@"`, "sh"],
      stderr: "null",
    });
    await this.#program.until(async () => await this.#ask("/healthz") !== undefined);
  }

  async restart(signal: Deno.Signal): Promise<void> {
    await this.#program!.stop(signal);
    await this.start();
  }

  /** Settles when the buffer is empty. */
  async drained(): Promise<void> {
    for (;;) {
      const health = await this.#ask("/api/health");
      if (health && (JSON.parse(health) as { buffer: { batches: number } }).buffer.batches === 0) return;
      await delay(100);
    }
  }

  async residentBytes(): Promise<number> {
    const metrics = await this.#ask("/metrics") ?? "";
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.stop("SIGKILL");
    await this.wire[Symbol.asyncDispose]();
  }

  /** Returns `undefined` where there is no answer, as while it has no descriptors. */
  async #ask(path: string): Promise<string | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.httpPort}${path}`, {
        signal: AbortSignal.timeout(5000),
      });
      return await response.text();
    } catch {
      return undefined;
    }
  }
}

/** Agents that push what they make up, and count it. */
class Fleet implements AsyncDisposable {
  readonly #random: () => number;
  readonly #members: { pusher: Pusher; client: PushClient }[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #value = 0n;
  #count = 0n;

  constructor(agents: number, { port, random }: { port: number; random: () => number }) {
    this.#random = random;
    for (let i = 0; i < agents; i++) {
      const node = `soak-${i}`;
      const identity = { agentId: node, epoch: BigInt(Date.now()) * 1_000_000n, node, agentVersion: "soak" };
      const client = new PushClient({ url: new URL(`http://127.0.0.1:${port}`), deadlineMs: 5000 });
      this.#members.push({
        client,
        pusher: new Pusher({ identity, transport: client, maxPauseMs: 1000, catchUpMs: 5 }),
      });
    }
    this.#timer = setInterval(() => this.#window(), WINDOW_MS);
  }

  get pushed(): Sums {
    return { value: this.#value, count: this.#count };
  }

  /** Pushes what waits, and says what was given up. */
  async stop(): Promise<{ batches: number; dropped: Readonly<Record<string, number>> }> {
    clearInterval(this.#timer);
    const left = await Promise.all(
      this.#members.map(({ pusher }) => pusher.stop({ deadlineMs: DELIVERY_MS })),
    );
    const stats = this.#members.map(({ pusher }) => pusher.stats());
    const dropped: Record<string, number> = { undelivered: 0 };
    for (const { batches } of left) dropped["undelivered"]! += batches;
    for (const [reason, batches] of stats.flatMap((each) => Object.entries(each.dropped))) {
      dropped[reason] = (dropped[reason] ?? 0) + batches;
    }
    return { batches: stats.reduce((sum, { pushed }) => sum + pushed, 0), dropped };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#members.map(({ pusher }) => pusher.stop({ deadlineMs: 0 })));
    for (const { client } of this.#members) client[Symbol.dispose]();
  }

  #window(): void {
    for (const { pusher } of this.#members) {
      const profile = this.#profile();
      // Clocks are wrong by up to an hour.
      const end = BigInt(Math.round(Date.now() + (this.#random() - 0.5) * 7_200_000)) * 1_000_000n;
      pusher.push(profile, { startNs: end - 100_000_000n, endNs: end, losses: new Map() });
    }
  }

  #profile(): Profile {
    const builder = new ProfileBuilder();
    const rows = 1 + Math.floor(this.#random() * 200);
    for (let i = 0; i < rows; i++) {
      const frames = Array.from({ length: 1 + Math.floor(this.#random() * 20) }, () => {
        const address = Math.floor(this.#random() * 500);
        const of = { module: "/usr/bin/soak", file: "soak.c", buildId: "50a4", line: address, address };
        return builder.frame({ function: `function_${address}`, ...of });
      });
      const series = builder.series({ pid: i % 7, comm: "soak", exe: "/usr/bin/soak" });
      const count = 1 + Math.floor(this.#random() * 5);
      builder.add("cpu", series, builder.stack(frames), count * 10_101_010, count);
      this.#value += BigInt(count * 10_101_010);
      this.#count += BigInt(count);
    }
    return builder.build();
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = state + 0x6d2b79f5 >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
