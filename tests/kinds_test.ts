// SPDX-License-Identifier: Apache-2.0
/**
 * CPU, locks and system calls at once, over the whole path: kernel → agent → gRPC → Deno KV → ClickHouse → REST.
 */

import { assert, assertAlmostEquals, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import type { FleetJson } from "../aggregator/http/fleet_answers.ts";
import { OUTCOME_NUMBER, type Total } from "../profile/model.ts";
import type { ProfileJson } from "../profile/formats/json.ts";
import { build } from "../tasks/build.ts";
import { Program, type RunningAggregator } from "../tasks/programs.ts";
import { startAggregator } from "./support/aggregator.ts";
import { runProgram } from "./support/child.ts";
import { compileProgram } from "./support/compiled.ts";
import { Contender } from "./support/contender.ts";
import { testWith } from "./support/needs.ts";

interface Site {
  readonly function: string;
  readonly address: string;
  readonly class: string;
  readonly type: string;
  readonly total: Total;
  readonly holders: readonly { readonly function: string; readonly total: Total }[];
}

interface Call {
  readonly call: string;
  readonly category: string;
  readonly total: Total;
  readonly errors: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly max: number;
  readonly rate: number;
}

testWith(
  ["bpf", "chdb", "clang", "go"],
  "mode all: what a program waits for and calls comes back",
  async (t) => {
    await build();
    const folder = await Deno.makeTempDir();
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    const aggregator = await startAggregator(cleanup, { args: ["--log-level=warning"] });
    const program = cleanup.use(await Contender.start(await compileProgram("all_kinds", folder)));
    const output = `${folder}/local.json`;
    const agent = cleanup.use(
      new Program("agent", [
        "--mode=all",
        `--pid=${program.pid}`,
        `--aggregator=${aggregator.grpc}`,
        "--push-interval=1s",
        `--output=${output}`,
        "--log-level=warning",
      ]),
    );
    const batches = await watched(aggregator, program.pid);
    // The unwinder knows the program only some time after its first wait, and surely when a window of later is there.
    await program.contend();
    await watched(aggregator, program.pid, batches + 2);
    await program.contend();
    const { delayNs } = await program.contend();
    assertEquals((await agent.stop("SIGINT")).code, 0);
    await drained(aggregator);
    const local = JSON.parse(await Deno.readTextFile(output)) as ProfileJson;
    const sum = (column: readonly number[]) => column.reduce((a, b) => a + b, 0);
    const get = <T>(path: string) =>
      aggregator.json(`${path}${path.includes("?") ? "&" : "?"}from=-5m`) as Promise<T>;

    await t.step("the fleet's table says what the agent itself took", async () => {
      const { agents } = await get<FleetJson>("/api/fleet");
      const { cores, memory_bytes } = agents[0]!.usage!;
      // It has started, compiled and named within these seconds; a thread of it is its main one.
      assert(cores > 0.001 && cores < 4, `${cores} cores`);
      assert(memory_bytes > 30e6 && memory_bytes < 1e9, `${memory_bytes} bytes`);
    });

    await t.step("a lock's waits are told with class, delay and who held it", async () => {
      const { sites } = await get<{ sites: Site[] }>("/api/locks");
      // The first waits may come before the unwinder knows the program: they are counted at an outer function.
      const mutexes = sites.filter((each) => each.class === "mutex" && each.type === "futex");
      const all = mutexes.reduce((delay, { total }) => delay + total.value, 0);
      assertAlmostEquals(all / delayNs, 1, 0.05, JSON.stringify(sites));
      const [site] = mutexes;
      assertEquals([site!.function, site!.holders[0]!.function], ["want_lock", "hold_lock"]);
      assertGreater(site!.holders[0]!.total.value / site!.total.value, 0.8);
      assertMatch(site!.address, /^mutex in \/.*\/all_kinds$/);
    });

    await t.step("idle waits are kept, and shown when asked for", async () => {
      const busy = await get<{ sites: Site[]; total: Total }>("/api/locks");
      const all = await get<{ sites: Site[]; total: Total }>("/api/locks?idle=true");
      assert(!busy.sites.some((site) => site.class === "condvar"));
      assert(
        all.sites.some((site) => site.class === "condvar" && site.function === "wait_for_work"),
        JSON.stringify(all.sites),
      );
      const graph = async (query: string) =>
        (await get<{ graph: { total: number } }>(`/api/flamegraph?kind=lock${query}`)).graph.total;
      assertEquals(await graph(""), busy.total.value);
      assertEquals(await graph("&idle=true"), all.total.value);
      const { woken, open } = OUTCOME_NUMBER;
      const waited = local.locks.delay.filter((_, i) => [woken, open].includes(local.locks.outcome[i]!));
      assertEquals(all.total.value, sum(waited));
    });

    await t.step("calls are counted exactly, with their errors", async () => {
      const { rows, total } = await get<{ rows: Call[]; total: Total }>("/api/syscalls?idle=true");
      const call = (name: string) => rows.find((row) => row.call === name)!;
      assertEquals(call("getppid").total.count, 3 * 100_000);
      assertEquals(call("openat").errors, { ENOENT: 3 * 1000 });
      assertEquals([call("futex").category, call("getppid").category === "wait"], ["wait", false]);
      assert(call("getppid").p50 <= call("getppid").max);
      assertEquals(total.count, sum(local.syscalls.count));
      const busy = await get<{ rows: Call[] }>("/api/syscalls");
      assert(!busy.rows.some((row) => row.category === "wait"));
    });

    await t.step(
      "graphs of calls have the call as their leaf, and the CPU's the work of the holder",
      async () => {
        const top = async (query: string) =>
          (await get<{ rows: { function: string; module: string }[] }>(`/api/top?${query}&limit=1000`)).rows;
        const calls = await top("kind=syscall&idle=true");
        assert(calls.some((row) => row.module === "[syscall]"), JSON.stringify(calls.slice(0, 5)));
        assert((await top("kind=cpu")).some((row) => row.function === "hold_lock"));
      },
    );

    await t.step("pprof's contentions are opened by go tool pprof", async () => {
      const response = await fetch(`${aggregator.http}/api/export/pprof?kind=lock&from=-5m`);
      await Deno.writeFile(`${folder}/lock.pb.gz`, await response.bytes());
      const { code, stdout, stderr } = await runProgram("go", [
        "tool",
        "pprof",
        "-top",
        `${folder}/lock.pb.gz`,
      ]);
      assertEquals(code, 0, stderr);
      assert(stdout.includes("Type: delay") && stdout.includes("want_lock"), stdout);
    });
  },
);

/** Waits for so many batches, maybe empty ones: all kinds are watched from before the first one on. */
async function watched(aggregator: RunningAggregator, pid: number, batches = 1): Promise<number> {
  for (let tries = 0; tries < 600; tries++) {
    const { stored } = await aggregator.json("/api/batches?limit=1000") as { stored: unknown[] };
    if (stored.length >= batches) return stored.length;
    await delay(50);
  }
  throw new Error(`The agent does not watch process ${pid}`);
}

/** Waits until nothing is staged any more: what was acknowledged is in the tables. */
async function drained(aggregator: RunningAggregator): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const { staged_total } = await aggregator.json("/api/batches") as { staged_total: number };
    if (staged_total === 0) return;
    await delay(50);
  }
  throw new Error("The aggregator does not drain its buffer");
}
