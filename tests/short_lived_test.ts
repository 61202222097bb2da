// SPDX-License-Identifier: Apache-2.0
/**
 * Processes that begin and end within one window.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { record, type Recording } from "../agent/agent.ts";
import { CpuCollector } from "../agent/collectors/cpu.ts";
import { ProcessLabels } from "../agent/metadata/labels.ts";
import { Symboliser } from "../agent/symbols/symboliser.ts";
import { Unwinder } from "../agent/unwind/unwinder.ts";
import { frameAt, seriesAt } from "../profile/model.ts";
import { build } from "../tasks/build.ts";
import { testWith } from "./support/needs.ts";
import { RunningProgram } from "./support/programs.ts";
import { compileUnwind } from "./support/unwind_programs.ts";

const WINDOW_MS = 3500;
/** It is long enough for tens of samples on a busy machine, far shorter than a window. */
const LIFE_MS = 1500;
const FREQ = 499;

/** Records one window, in which `life` runs from its start to its end. */
async function recordWhile(life: () => Promise<void>): Promise<Recording> {
  await build("bpf");
  await using unwinder = Unwinder.open();
  using collector = CpuCollector.open({ unwinder, freq: FREQ, windowMs: WINDOW_MS });
  await using symboliser = Symboliser.open({ unwinder });
  const signal = new AbortController().signal;
  const times = { windowMs: WINDOW_MS, durationMs: WINDOW_MS, signal };
  const labels = new ProcessLabels();
  const recordings = Array.fromAsync(
    record({ collectors: [collector], symboliser, unwinder, labels, ...times }),
  );
  await life();
  const [recording] = await recordings;
  return recording!;
}

/**
 * Returns the stacks of processes that were brief and are called `comm`, thread entry first, `;` between functions, with
 * how many samples had each.
 */
function stacksOf({ profile }: Recording, comm: string): Map<string, number> {
  const found = new Map<string, number>();
  const { samples, stacks } = profile;
  for (const [i, count] of samples.count.entries()) {
    const series = seriesAt(profile, samples.series[i]!);
    if (series.pid !== 0 || series.comm !== comm) continue;
    const rows = stacks.frame.subarray(
      stacks.offset[samples.stack[i]!],
      stacks.offset[samples.stack[i]! + 1],
    );
    const names = Array.from(rows, (row) => frameAt(profile, row).function).reverse().join(";");
    found.set(names, (found.get(names) ?? 0) + count);
  }
  return found;
}

function shareOf(stacks: ReadonlyMap<string, number>, pattern: RegExp): number {
  let [matching, all] = [0, 0];
  for (const [stack, count] of stacks) {
    all += count;
    if (pattern.test(stack)) matching += count;
  }
  assert(all >= 20, `${all} samples`);
  return matching / all;
}

const CHAIN = /;main;level_40;level_39;.*;level_1;level_0(;|$)/;

for (
  const { where, command } of [
    { where: "on this machine", command: (path: string) => [path] },
    {
      where: "in a mount namespace that is gone",
      command: (path: string) => [
        ...["unshare", "--mount", "sh", "-c"],
        `mkdir ${path}-in; mount -t tmpfs none ${path}-in; cp ${path} ${path}-in/x; exec ${path}-in/x`,
      ],
    },
  ]
) {
  testWith(
    ["bpf", "clang", "gcc", "unshare"],
    `a process that ends before its window does is named, with its file deleted: ${where}`,
    async () => {
      const program = await compileUnwind("chain.c");
      let [comm, exe] = ["", ""];
      const recording = await recordWhile(async () => {
        using _ = program;
        const [name, ...args] = command(program.path);
        await using running = await RunningProgram.start(name!, args);
        comm = Deno.readTextFileSync(`/proc/${running.pid}/comm`).trimEnd();
        exe = Deno.readLinkSync(`/proc/${running.pid}/exe`);
        await delay(LIFE_MS);
      });
      const stacks = stacksOf(recording, comm);
      const most = Deno.inspect([...stacks].sort(([, a], [, b]) => b - a).slice(0, 5), {
        strAbbreviateSize: 1000,
      });
      // The first ones were taken before anything was known of it: they have the frames that the kernel finds.
      assert(shareOf(stacks, CHAIN) > 0.5, most);
      assertEquals(shareOf(stacks, /level_0|\[kernel\]/) > 0.95, true, most);
      const { profile } = recording;
      const own = Array.from({ length: profile.series.pid.length }, (_, row) => seriesAt(profile, row))
        .filter((series) => series.pid === 0 && series.comm === comm);
      assertEquals(new Set(own.map((series) => series.exe)), new Set([exe]));
    },
  );
}

/** Container engines name layers so. */
const LAYER = "0123456789abcdef".repeat(4);

testWith(
  ["bpf", "clang", "gcc", "unshare"],
  "a file of a container's layer is found by its path when all its processes ended before they could be read",
  async () => {
    await build("bpf");
    using program = await compileUnwind("chain.c");
    const folder = program.path.slice(0, program.path.lastIndexOf("/"));
    const inside = "usr/lib/x86_64-linux-gnu/some/more/folders";
    await Deno.mkdir(`${folder}/overlay/snapshots/${LAYER}/diff/${inside}`, { recursive: true });
    await Deno.mkdir(`${folder}/empty`);
    await Deno.mkdir(`${folder}/merged`);
    await Deno.copyFile(program.path, `${folder}/overlay/snapshots/${LAYER}/diff/${inside}/chain`);
    const layers = `lowerdir=${folder}/overlay/snapshots/${LAYER}/diff:${folder}/empty`;
    const script =
      `mount -t overlay none -o ${layers} ${folder}/merged && exec ${folder}/merged/${inside}/chain`;
    await using unwinder = Unwinder.open();
    using collector = CpuCollector.open({ unwinder, freq: FREQ });
    const run = async () => {
      const args = ["--mount", "sh", "-c", script];
      const child = new Deno.Command("unshare", { args, stdout: "null" }).spawn();
      // Nothing of the agent runs meanwhile.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LIFE_MS);
      child.kill("SIGKILL");
      await child.status;
      await unwinder.settle();
      const { samples } = await collector.drain();
      return samples.filter(({ pid, comm }) => pid === child.pid && comm === "chain");
    };
    await run();
    const samples = await run();
    const all = samples.reduce((sum, { count }) => sum + count, 0);
    // Deep, as its table came along.
    const known = samples.filter(({ user }) => user[0]! < 0 && user.length > 40);
    assert(all >= 20, `${all} samples`);
    assert(known.reduce((sum, { count }) => sum + count, 0) > all * 0.9, Deno.inspect(samples));
  },
);
