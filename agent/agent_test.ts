import { assert, assertEquals, assertLess } from "@std/assert";
import { record, type Recording, Summary } from "./agent.ts";
import type { Collector, Window } from "./collectors/collector.ts";
import { Symboliser } from "./symbols/symboliser.ts";
import { frameAt, seriesAt, totalOf } from "../profile/model.ts";

/** Hands out what it is given, window by window; a collector of BPF has its own tests. */
function collectorOf(windows: Window[]): Collector & { drains: number } {
  return {
    kind: "cpu",
    drains: 0,
    drain() {
      this.drains++;
      return windows.shift() ?? { samples: [], losses: new Map() };
    },
    [Symbol.dispose]() {},
  };
}

function windowOf(count: number, losses: [string, number][] = []): Window {
  const sample = { pid: Deno.pid, comm: "deno", user: [], kernel: [], value: count * 10, count };
  return { samples: [sample], losses: new Map(losses) };
}

async function collect(
  collector: Collector,
  options: { windowMs: number; durationMs?: number; signal?: AbortSignal },
): Promise<Recording[]> {
  using symboliser = Symboliser.open();
  const { signal = new AbortController().signal } = options;
  return await Array.fromAsync(record({ collectors: [collector], symboliser, ...options, signal }));
}

Deno.test("record() yields a recording a window, and a shorter one at the end", async () => {
  const collector = collectorOf([windowOf(1), windowOf(2), windowOf(4)]);
  const recordings = await collect(collector, { windowMs: 40, durationMs: 100 });
  assertEquals(recordings.map(({ profile }) => totalOf(profile).count), [1, 2, 4]);
  assertEquals(collector.drains, 3);
  for (const [i, { startNs, endNs }] of recordings.entries()) {
    assert(startNs < endNs);
    // No time is between two windows, nor in both.
    if (i > 0) assertEquals(startNs, recordings[i - 1]!.endNs);
  }
});

Deno.test("record() drains once more when it is stopped, so that nothing is left in the kernel", async () => {
  const stop = new AbortController();
  const collector = collectorOf([windowOf(3)]);
  setTimeout(() => stop.abort(), 20);
  const recordings = await collect(collector, { windowMs: 3_600_000, signal: stop.signal });
  assertEquals(recordings.map(({ profile }) => totalOf(profile).count), [3]);
});

Deno.test("record() names processes and sums the losses of all collectors", async () => {
  using symboliser = Symboliser.open();
  const windows = [
    windowOf(1, [["counts_map_full", 2]]),
    windowOf(1, [["counts_map_full", 3], ["other", 1]]),
  ];
  const collectors = windows.map((window) => collectorOf([window]));
  const signal = new AbortController().signal;
  const [recording] = await Array.fromAsync(
    record({ collectors, symboliser, windowMs: 10, durationMs: 10, signal }),
  );
  assertEquals(recording!.losses, new Map([["counts_map_full", 5], ["other", 1]]));
  const series = seriesAt(recording!.profile, 0);
  assertEquals([series.pid, series.comm, series.exe], [
    Deno.pid,
    "deno",
    await Deno.realPath(Deno.execPath()),
  ]);
});

Deno.test("record() keeps a sample of a process that has gone, its frames unknown", async () => {
  const gone = { pid: 4_194_303, comm: "gone", user: [0x1234], kernel: [], value: 10, count: 1 };
  const [recording] = await collect(collectorOf([{ samples: [gone], losses: new Map() }]), {
    windowMs: 10,
    durationMs: 10,
  });
  assertEquals(totalOf(recording!.profile), { value: 10, count: 1 });
  assertEquals(frameAt(recording!.profile, 0).module, "[unknown]");
});

Deno.test("record() keeps its beat when naming takes longer than a window", async () => {
  let now = 0;
  const busy = collectorOf([]);
  const { drain } = busy;
  busy.drain = function () {
    now += 25;
    return drain.call(this);
  };
  using symboliser = Symboliser.open();
  const recordings = await Array.fromAsync(record({
    collectors: [busy],
    symboliser,
    windowMs: 10,
    durationMs: 50,
    signal: new AbortController().signal,
    clock: () => now,
  }));
  // Windows that are due already are not waited for, and none is made up.
  assertEquals(recordings.length, 5);
  assertLess(Number(recordings[0]!.startNs), Number(recordings[4]!.endNs));
});

Deno.test("Summary adds up recordings", async () => {
  const summary = new Summary();
  const windows = [windowOf(1, [["a", 1]]), windowOf(2, [["a", 2]])];
  for (const recording of await collect(collectorOf(windows), { windowMs: 10, durationMs: 20 })) {
    summary.add(recording);
  }
  assertEquals([summary.windows, summary.events, summary.losses], [
    2,
    3,
    new Map([["a", 3]]),
  ]);
});
