// SPDX-License-Identifier: Apache-2.0
/**
 * CPU profiles over the whole path: kernel → agent → gRPC → Deno KV → ClickHouse → REST.
 */

import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { build } from "../tasks/build.ts";
import { Program, RunningAggregator } from "../tasks/programs.ts";
import type { ProfileJson } from "../profile/formats/json.ts";
import type { Total } from "../profile/model.ts";
import { runProgram } from "./support/child.ts";
import { compileProgram } from "./support/compiled.ts";
import { RunningProgram } from "./support/programs.ts";
import { testWith } from "./support/needs.ts";

interface Row {
  readonly function: string;
  readonly module: string;
  readonly self: Total;
  readonly total: Total;
}

interface Top {
  readonly rows: readonly Row[];
  readonly total: Total;
  readonly other: Total;
}

/** Returns the share of `of` in which `name` was anywhere in the stack. */
function share(top: Top, name: string, of = top.total.value): number {
  return (top.rows.find((row) => row.function === name)?.total.value ?? 0) / of;
}

testWith(
  ["bpf", "chdb", "clang", "go", "chrt"],
  "the shares of known programs come back from the aggregator",
  async (t) => {
    await build();
    const folder = await Deno.makeTempDir();
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    const aggregator = cleanup.use(
      await RunningAggregator.start({ args: [`--data-dir=${folder}/data`, "--log-level=warning"] }),
    );
    // Urgent, as on a busy machine it would get too few samples to tell two thirds from one.
    const shares = cleanup.use(
      await RunningProgram.start(await compileProgram("shares", folder), [], { urgent: true }),
    );
    const reads = cleanup.use(await RunningProgram.start(await compileProgram("reads", folder)));
    const output = `${folder}/local.json`;
    const agent = new Program("agent", [
      `--aggregator=${aggregator.grpc}`,
      "--node-name=test-node",
      "--push-interval=1s",
      "--duration=4s",
      "--freq=397",
      `--output=${output}`,
      "--log-level=warning",
    ]);
    assertEquals((await agent.child.status).code, 0);
    // Others have the CPUs for what comes of it.
    await shares[Symbol.asyncDispose]();
    await reads[Symbol.asyncDispose]();
    await drained(aggregator);

    const local = JSON.parse(await Deno.readTextFile(output)) as {
      samples: { value: number[]; count: number[] };
    };
    const localTotal = {
      value: local.samples.value.reduce((a, b) => a + b),
      count: local.samples.count.reduce((a, b) => a + b),
    };
    const all = await aggregator.json("/api/top?from=-5m&limit=10000") as Top;

    await t.step("samples in are samples in the tables, exactly", async () => {
      assertEquals(all.total, localTotal);
      const { stored, staged_total } = await aggregator.json("/api/batches") as {
        stored: { samples: Total }[];
        staged_total: number;
      };
      assertEquals(staged_total, 0);
      assertEquals(stored.reduce((sum, { samples }) => sum + samples.count, 0), localTotal.count);
      assertGreater(localTotal.count, 1500);
    });

    await t.step("two thirds and one third, within 5 points", async () => {
      const top = await aggregator.json(`/api/top?from=-5m&limit=10000&match={pid="${shares.pid}"}`) as Top;
      assertGreater(top.total.count, 200);
      assertAlmostEquals(share(top, "two_thirds"), 2 / 3, 0.05);
      assertAlmostEquals(share(top, "one_third"), 1 / 3, 0.05);
      assertGreater(share(top, "main"), 0.95);
    });

    await t.step(
      "a program that lives in the kernel shows its kernel stacks under its own function",
      async () => {
        const top = await aggregator.json(`/api/top?from=-5m&limit=10000&match={pid="${reads.pid}"}`) as Top;
        assertGreater(share(top, "read_forever"), 0.95);
        const kernel = top.rows.filter(({ module }) => module === "[kernel]");
        assertGreater(kernel.reduce((sum, { self }) => sum + self.value, 0) / top.total.value, 0.5);
        assert(kernel.some((row) => row.function === "vfs_read"), "vfs_read is in no stack");
      },
    );

    await t.step("labels are those of the processes", async () => {
      const { values } = await aggregator.json("/api/labels?label=comm&from=-5m") as {
        values: { value: string }[];
      };
      const comms = values.map(({ value }) => value);
      assert(comms.includes("shares") && comms.includes("reads"), comms.join());
      const nodes = await aggregator.json("/api/labels?label=node&from=-5m") as {
        values: { value: string }[];
      };
      assertEquals(nodes.values.map(({ value }) => value), ["test-node"]);
    });

    await t.step("the flame graph and the collapsed export add up to the same total", async () => {
      const { graph } = await aggregator.json("/api/flamegraph?from=-5m") as { graph: { total: number } };
      assertEquals(graph.total, localTotal.value);
      const text = await (await fetch(`${aggregator.http}/api/export/collapsed?from=-5m`)).text();
      const sum = text.trim().split("\n").reduce(
        (total, line) => total + Number(line.slice(line.lastIndexOf(" "))),
        0,
      );
      assertEquals(sum, localTotal.value);
    });

    await t.step("go tool pprof opens the pprof export and finds the same total", async () => {
      const bytes = await (await fetch(`${aggregator.http}/api/export/pprof?from=-5m`)).bytes();
      await Deno.writeFile(`${folder}/profile.pb.gz`, bytes);
      const args = [
        "tool",
        "pprof",
        "-top",
        "-nodecount=10",
        "-sample_index=samples",
        `${folder}/profile.pb.gz`,
      ];
      const { code, stdout, stderr } = await runProgram("go", args);
      assertEquals(code, 0, stderr);
      assertEquals(/of (\d+) total/.exec(stdout)?.[1], String(localTotal.count), stdout);
      assert(stdout.includes("two_thirds"), stdout);
    });
  },
);

testWith(["bpf", "perf", "clang", "chrt"], "counts agree with perf record within 10 %", async () => {
  await build();
  const folder = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const shares = cleanup.use(
    await RunningProgram.start(await compileProgram("shares", folder), [], { urgent: true }),
  );
  const agent = new Program("agent", [
    `--pid=${shares.pid}`,
    "--duration=8s",
    `--output=${folder}/ours.json`,
  ]);
  const perf = await runProgram("perf", [
    "record",
    "-e",
    "cpu-clock",
    "-F",
    "99",
    "-p",
    String(shares.pid),
    "-o",
    `${folder}/perf.data`,
    "--",
    "sleep",
    "8",
  ]);
  assertEquals(perf.code, 0, perf.stderr);
  assertEquals((await agent.child.status).code, 0);
  const script = await runProgram("perf", ["script", "-i", `${folder}/perf.data`, "-F", "time"]);
  const times = script.stdout.trim().split("\n").map((line) => parseFloat(line));
  const { samples, durationNs } = JSON.parse(await Deno.readTextFile(`${folder}/ours.json`)) as ProfileJson;
  const ours = samples.count.reduce((a, b) => a + b, 0);
  assertGreater(times.length, 200);
  // Each by its own time: on a busy machine either may begin or end late.
  const theirs = (times.length - 1) / (times.at(-1)! - times[0]!);
  assertAlmostEquals(ours / (durationNs / 1e9) / theirs, 1, 0.1);
});

/** Waits until nothing is staged any more: what was acknowledged is in the tables. */
async function drained(aggregator: RunningAggregator): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { staged_total } = await aggregator.json("/api/batches") as { staged_total: number };
    if (staged_total === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("The aggregator does not drain its buffer");
}
