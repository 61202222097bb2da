// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import type { Collector, Window } from "./collectors/collector.ts";
import { warmUp } from "./warm_up.ts";

function collectorOf(rounds: readonly [string, number][][]): Collector & { drains: number } {
  return {
    kind: "cpu",
    memoryBytes: 0,
    fill: 0,
    drains: 0,
    drain() {
      const round = rounds[Math.min((this.drains++ - 1) / 2, rounds.length - 1)] ?? [];
      return Promise.resolve<Window>({ samples: [], losses: new Map(), stackEnds: new Map(round) });
    },
    [Symbol.dispose]() {},
  };
}

const { signal } = new AbortController();
function unwinderOf() {
  return {
    warmed: [] as number[],
    settle: () => Promise.resolve(),
    readAhead: () => Promise.resolve(),
    warm(pid: number) {
      return this.warmed.push(pid);
    },
  };
}

Deno.test("warmUp() waits until walks miss no table for two rounds", async () => {
  const collector = collectorOf([
    [["complete", 5], ["no_page", 5]],
    [["complete", 100], ["no_rule", 50], ["no_mapping", 1]],
    [["complete", 9], ["no_process", 1]],
    [["complete", 10]],
    [["complete", 10]],
    [["no_page", 10]],
  ]);
  const unwinder = unwinderOf();
  const { warm } = await warmUp({ collectors: [collector], unwinder, pid: 7, signal });
  assertEquals([warm, collector.drains, unwinder.warmed], [true, 10, [7]]);
});

Deno.test("warmUp() gives up in time where something always misses, and when it is stopped", async () => {
  const always = collectorOf([[["no_page", 1]]]);
  const { warm } = await warmUp({ collectors: [always], unwinder: unwinderOf(), signal, maxMs: 300 });
  assert(!warm);
  const stopped = AbortSignal.abort();
  const { ms } = await warmUp({
    collectors: [always],
    unwinder: { ...unwinderOf(), settle: () => new Promise(() => {}) },
    signal: stopped,
    clock: () => 0,
  });
  assertEquals(ms, 0);
});

Deno.test("warmUp() is done at once where nothing runs", async () => {
  const idle = collectorOf([[]]);
  const { warm } = await warmUp({ collectors: [idle], unwinder: unwinderOf(), signal });
  assertEquals([warm, idle.drains], [true, 4]);
});
