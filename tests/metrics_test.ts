// SPDX-License-Identifier: Apache-2.0
/**
 * Compares what the agent tells Prometheus, read by Prometheus's own library, with what it says of the same windows
 * elsewhere: in the batches that it pushes, and at its end.
 */

import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async/delay";
import { cpuSeconds, statFields } from "../common/proc_stat.ts";
import type { ProfileJson } from "../profile/formats/json.ts";
import { type Kind, KIND_NUMBER, KINDS, OUTCOME_NUMBER } from "../profile/model.ts";
import { build } from "../tasks/build.ts";
import { freePort } from "../common/free_port.ts";
import { Program } from "../tasks/programs.ts";
import { startAggregator } from "./support/aggregator.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { Scrape } from "./support/prometheus.ts";
import { runBusy } from "./support/watched.ts";

interface Stored {
  readonly sequence: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly stack_ends: Readonly<Record<string, number>>;
}

function summed(counts: readonly Readonly<Record<string, number>>[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of counts.flatMap((each) => Object.entries(each))) {
    if (count > 0) sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return sums;
}

testWith(
  ["bpf", "chdb", "python3-prometheus-client"],
  "an agent's metrics are those of the batches that it pushed until then",
  async () => {
    await build();
    await using cleanup = new AsyncDisposableStack();
    const aggregator = await startAggregator(cleanup, {
      args: ["--flush-interval=100ms", "--log-level=warning"],
    });
    await using _busy = runBusy();
    const port = freePort();
    const url = `http://127.0.0.1:${port}`;
    const agent = new Program("agent", [
      "--mode=all",
      "--push-interval=1s",
      `--aggregator=${aggregator.grpc}`,
      `--listen=:${port}`,
      "--log-level=warning",
    ]);
    const metrics = () => fetch(`${url}/metrics`).then((response) => response.text()).catch(() => "");
    const enough = [/^aperture_agent_windows_total ([3-9]|\d\d)/m, /kind="cpu",end="complete"\} [1-9]/];
    await agent.until(async () => {
      const text = await metrics();
      return enough.every((line) => line.test(text));
    });
    const scrape = await Scrape.of(`${url}/metrics`);
    // Who sends half a request does not keep it.
    using stuck = await Deno.connect({ hostname: "127.0.0.1", port });
    await stuck.write(new TextEncoder().encode("GET /metrics HTTP/1.1\r\nho"));
    assertEquals((await agent.stop()).code, 0);
    const windows = scrape.value("aperture_agent_windows_total");
    let stored: Stored[] = [];
    // The batches of these windows are delivered by now, and stored in a moment.
    for (let tries = 0; tries < 200 && stored.length < windows; tries++) {
      const answer = await aggregator.json("/api/batches?limit=1000") as { stored: Stored[] };
      stored = answer.stored.filter(({ sequence }) => sequence <= windows);
      await delay(50);
    }
    assertEquals(stored.length, windows);
    const ends = scrape.by("end", "aperture_agent_stacks_total");
    assertEquals(ends, summed(stored.map((batch) => batch.stack_ends)));
    assertGreater(ends.get("complete") ?? 0, 0);
    assertEquals(
      scrape.by("loss", "aperture_agent_losses_total"),
      summed(stored.map(({ losses }) => losses)),
    );
    assertEquals(scrape.value("aperture_agent_push_failures_total"), 0);
    assertEquals(
      scrape.value("aperture_agent_push_batches_total") + scrape.value("aperture_agent_push_pending_batches"),
      windows,
    );
  },
);

/** Returns the CPU time that the process has used, in seconds, as the kernel counts it: in ticks of 10 ms. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const { user, system } = cpuSeconds(statFields(await Deno.readTextFile(`/proc/${pid}/stat`)));
  return user + system;
}

/** Returns `nothing lost, 3 incomplete (user_stack_truncated 3)`, or `; cut: no_page 12` as numbers by reason. */
function countsIn(text: string): Map<string, number> {
  return new Map(
    [...text.matchAll(/([a-z_]+) ([\d,]+)(?=[,)]|$)/g)].map((
      [, reason, count],
    ) => [reason!, Number(count!.replaceAll(",", ""))]),
  );
}

/** Sums count and ns of each kind in the file that the agent wrote. */
function totalsOf({ samples, locks, syscalls }: ProfileJson): Record<Kind, readonly [number, number]> {
  const sum = (column: readonly number[]) => column.reduce((a, b) => a + b, 0);
  const ofCpu = (column: readonly number[]) =>
    sum(column.filter((_, i) => samples.kind[i] === KIND_NUMBER.cpu));
  return {
    cpu: [ofCpu(samples.count), ofCpu(samples.value)],
    lock: [sum(locks.count.filter((_, i) => locks.outcome[i] !== OUTCOME_NUMBER.open)), sum(locks.delay)],
    syscall: [sum(syscalls.count), sum(syscalls.total)],
  };
}

testWith(
  ["bpf", "python3-prometheus-client"],
  "an agent's metrics are what it says at its end",
  async (t) => {
    await build("bpf");
    using folder = new TempFolder();
    await using _busy = runBusy();
    const [port, output] = [freePort(), `${folder.path}/profile.json`];
    // While nobody takes its batches it lives on for seconds after it wrote its file: its numbers are final then.
    const agent = new Program("agent", [
      "--mode=all",
      "--push-interval=1s",
      "--duration=3s",
      "--include-idle",
      `--output=${output}`,
      `--aggregator=http://127.0.0.1:${freePort()}`,
      `--listen=127.0.0.1:${port}`,
      "--log-level=error",
    ], { stdout: "piped", stderr: "null" });
    const text = new Response(agent.child.stdout).text();
    const exists = () => Deno.stat(output).then(() => true, () => false);
    await agent.until(exists);
    const before = await cpuSecondsOf(agent.child.pid);
    const scrape = await Scrape.of(`http://127.0.0.1:${port}/metrics`);
    const after = await cpuSecondsOf(agent.child.pid);
    const windows = scrape.value("aperture_agent_windows_total");
    const table = await text;
    // Its batches are lost.
    assertEquals((await agent.child.status).code, 1);

    await t.step("events of each kind are those of the file", async () => {
      const profile = JSON.parse(await Deno.readTextFile(output)) as ProfileJson;
      for (const [kind, [count, ns]] of Object.entries(totalsOf(profile))) {
        assertEquals(scrape.value("aperture_agent_events_total", { kind }), count, kind);
        assertAlmostEquals(
          scrape.value("aperture_agent_event_seconds_total", { kind }),
          ns / 1e9,
          1e-6,
          kind,
        );
        assertGreater(count, 0, kind);
      }
      // On a busy machine one may be as long as two.
      assert(windows >= 1 && windows <= 3, `${windows} windows`);
    });

    await t.step("stack ends and losses of each kind are those of the table", () => {
      const summaries = [...table.matchAll(/^[\d,]+ (?:samples|waits|calls?) in [^:]+: [^,]+, (.*)$/gm)];
      const stacks = [...table.matchAll(/^(<?[\d.]+) % of user stacks whole(.*)$/gm)];
      assertEquals([summaries.length, stacks.length], [3, 3], table);
      for (const [i, kind] of KINDS.entries()) {
        assertEquals(scrape.by("loss", "aperture_agent_losses_total", { kind }), countsIn(summaries[i]![1]!));
        const { complete = 0, ...cut } = Object.fromEntries(
          scrape.by("end", "aperture_agent_stacks_total", { kind }),
        );
        assertEquals(new Map(Object.entries(cut)), countsIn(stacks[i]![2]!));
        const all = scrape.value("aperture_agent_stacks_total", { kind });
        const told = stacks[i]![1]!;
        if (told.startsWith("<")) assert(100 * complete / all < Number(told.slice(1)), kind);
        else assertAlmostEquals(100 * complete / all, Number(told), 0.051, kind);
      }
    });

    await t.step("what could not be pushed waits", () => {
      assertEquals(scrape.value("aperture_agent_push_pending_batches"), windows);
      assertGreater(scrape.value("aperture_agent_push_pending_bytes"), 0);
      assertGreater(scrape.value("aperture_agent_push_failures_total"), 0);
      assertEquals(scrape.value("aperture_agent_push_batches_total"), 0);
      assertEquals(scrape.value("aperture_agent_push_dropped_batches_total"), 0);
    });

    await t.step("the unwinder has worked, and the maps are within their budget", () => {
      for (const what of ["pages", "rules", "files_compiled_total", "compile_seconds_total", "processes"]) {
        assertGreater(scrape.value(`aperture_agent_unwind_${what}`), 0, what);
      }
      const memory = scrape.by("part", "aperture_agent_bpf_memory_bytes");
      assertEquals(new Set(memory.keys()), new Set([...KINDS, "unwinder"]));
      const limit = scrape.value("aperture_agent_bpf_memory_limit_bytes");
      assert(memory.values().reduce((a, b) => a + b, 0) <= limit);
    });

    await t.step("CPU time is what the kernel counted for the process", () => {
      const used = scrape.value("process_cpu_seconds_total");
      assert(before - 0.02 <= used && used <= after + 0.02, `${before} ${used} ${after}`);
    });
  },
);
