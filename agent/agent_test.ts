// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertLess } from "@std/assert";
import { record, type Recording, type RecordOptions, Summary } from "./agent.ts";
import type { Collector, Window } from "./collectors/collector.ts";
import { HINT } from "./libbpf/mod.ts";
import { Symboliser } from "./symbols/symboliser.ts";
import { lockAt } from "../profile/locks.ts";
import { frameAt, seriesAt, totalOf } from "../profile/model.ts";
import { syscallAt } from "../profile/syscalls.ts";

/** Hands out what it is given, window by window; a collector of BPF has its own tests. */
function collectorOf(windows: Window[]): Collector & { drains: number } {
  return {
    kind: "cpu",
    memoryBytes: 0,
    fill: 0,
    drains: 0,
    drain() {
      this.drains++;
      return Promise.resolve(windows.shift() ?? { samples: [], losses: new Map() });
    },
    [Symbol.dispose]() {},
  };
}

function windowOf(count: number, losses: [string, number][] = []): Window {
  const sample = { pid: Deno.pid, comm: "deno", user: [], kernel: [], value: count * 10, count };
  return { samples: [sample], losses: new Map(losses), stackEnds: new Map([["complete", count]]) };
}

/** Records `windows` windows; a run that ends by the clock has as many as the machine has time for. */
async function collect(
  collector: Collector,
  windows: number,
  options: Partial<RecordOptions> = {},
): Promise<Recording[]> {
  const stop = new AbortController();
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const recordings: Recording[] = [];
  if (windows === 1) stop.abort();
  const all = { collectors: [collector], symboliser, windowMs: 10, signal: stop.signal, ...options };
  for await (const recording of record(all)) {
    if (recordings.push(recording) === windows - 1) stop.abort();
  }
  assertEquals(recordings.length, windows);
  return recordings;
}

Deno.test("record() yields a recording a window, without time between two of them", async () => {
  const collector = collectorOf([windowOf(1), windowOf(2), windowOf(4)]);
  const recordings = await collect(collector, 3);
  assertEquals(recordings.map(({ profile }) => totalOf(profile).count), [1, 2, 4]);
  assertEquals(collector.drains, 3);
  for (const [i, { startNs, endNs }] of recordings.entries()) {
    assert(startNs < endNs);
    if (i > 0) assertEquals(startNs, recordings[i - 1]!.endNs);
  }
});

Deno.test("record() has its first window begin when the collectors began to count", async () => {
  const begun = { monotonic: 1000, wall: 5000 };
  const clock = { monotonic: () => 1700, wall: () => 5700 };
  const [recording] = await collect(collectorOf([windowOf(1)]), 1, { begun, clock });
  assertEquals([recording!.startNs, recording!.endNs], [5_000_000_000n, 5_700_000_000n]);
});

Deno.test("record() ends with a shorter window when its time is over", async () => {
  const collector = collectorOf([windowOf(1), windowOf(2)]);
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const { signal } = new AbortController();
  const options = { collectors: [collector], symboliser, windowMs: 3_600_000, durationMs: 50, signal };
  const recordings = await Array.fromAsync(record(options));
  assertEquals(recordings.map(({ profile }) => totalOf(profile).count), [1]);
});

Deno.test("record() drains once more when it is stopped, so that nothing is left in the kernel", async () => {
  const stop = new AbortController();
  const collector = collectorOf([windowOf(3)]);
  setTimeout(() => stop.abort(), 20);
  const recordings = await collect(collector, 1, { windowMs: 3_600_000, signal: stop.signal });
  assertEquals(recordings.map(({ profile }) => totalOf(profile).count), [3]);
});

Deno.test("record() drains once more when it is stopped while a window is handed on", async () => {
  const stop = new AbortController();
  const collector = collectorOf([windowOf(1), windowOf(2)]);
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const counts: number[] = [];
  const options = { collectors: [collector], symboliser, windowMs: 10, signal: stop.signal };
  for await (const { profile } of record(options)) {
    counts.push(totalOf(profile).count);
    stop.abort();
  }
  assertEquals(counts, [1, 2]);
});

Deno.test("record() names processes and sums the losses of all collectors", async () => {
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
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
  const [recording] = await collect(collectorOf([{ samples: [gone], losses: new Map() }]), 1);
  assertEquals(totalOf(recording!.profile), { value: 10, count: 1 });
  assertEquals(frameAt(recording!.profile, 0).module, "[unknown]");
});

Deno.test("record() keeps its beat when a window takes longer than the next one is away", async () => {
  let now = 0;
  const busy = collectorOf([]);
  const { drain } = busy;
  busy.drain = function () {
    now += 150_000;
    return drain.call(this);
  };
  // One that is due already is not waited for, and beats that passed meanwhile have no windows of their own.
  const clock = { monotonic: () => now, wall: () => now };
  const recordings = await collect(busy, 5, { windowMs: 60_000, clock, beats: () => now === 0 ? 0 : 1 });
  assertEquals(recordings.map(({ times }) => times.late), [0, 90_000, 120_000, 90_000, 0]);
  assertLess(Number(recordings[0]!.startNs), Number(recordings[4]!.endNs));
});

Deno.test("record() makes a window of as many beats as it is told", async () => {
  const asked = [1, 2, 2, 1];
  const looked = [41, 122, 203, 203];
  let now = 0;
  const beats = () => {
    now = looked.shift()!;
    return asked.shift()!;
  };
  const clock = { monotonic: () => now, wall: () => now };
  const recordings = await collect(collectorOf([]), 4, { windowMs: 40, beats, clock });
  // They were due after one, three and five beats; the last one was not waited for.
  assertEquals(recordings.map(({ times }) => times.late), [1, 2, 3, 0]);
});

Deno.test("record() samples at the frequency that is asked for, and says so in the labels of those windows", async () => {
  const collector = collectorOf([windowOf(1), windowOf(1), windowOf(1), windowOf(1)]);
  const set: number[] = [];
  const asked = [99, 499, 499, 99, 99];
  const captures = {
    frequency: () => asked.shift() ?? 99,
    stats: { begun: 0, refused: 0, frequency: 99 },
  };
  const settable = { ...collector, setFrequency: (freq: number) => set.push(freq) };
  const recordings = await collect(settable, 4, { captures });
  const labels = recordings.map(({ profile }) => seriesAt(profile, 0).labels);
  assertEquals(labels, ["", "aperture_capture=499", "aperture_capture=499", ""]);
  assertEquals(set, [499, 99]);
});

Deno.test("Summary adds up recordings", async () => {
  const summary = new Summary();
  const windows = [windowOf(1, [["a", 1]]), windowOf(2, [["a", 2]])];
  for (const recording of await collect(collectorOf(windows), 2)) {
    summary.add(recording);
  }
  assertEquals([summary.windows, summary.events], [2, 3]);
  assertEquals(summary.notes("cpu"), { losses: new Map([["a", 3]]), stackEnds: new Map([["complete", 3]]) });
  assertEquals(summary.notes("lock"), { losses: new Map(), stackEnds: new Map() });
});

Deno.test("record() names waits and their holders, and calls as the leaf of their samples", async () => {
  const gone = { pid: 4_194_303, comm: "gone", user: [0x1234], kernel: [] };
  const holder = { ...gone, comm: "holder", user: [0x5678] };
  const wait = {
    ...{ waiter: gone, type: "futex", count: 2, delayNs: 70, maxNs: 40 } as const,
    ...{ hints: HINT.contended, value: 2, address: 0x1000n, histogram: [0, 0, 0, 0, 0, 2] },
  };
  const syscall = {
    ...{ pid: gone.pid, comm: "gone", call: "epoll_wait", count: 3, errors: new Map([[4, 1]]) },
    ...{ totalNs: 60, minNs: 10, maxNs: 30, histogram: [0, 0, 0, 1, 2] },
    ...{ open: 0, oldestNs: 0 },
  };
  const self = { ...gone, pid: Deno.pid };
  const window: Window = {
    samples: [{ ...gone, value: 30, count: 1, call: "epoll_wait" }, { ...self, value: 1, count: 1 }],
    locks: [
      { ...wait, holder, outcome: "woken" },
      { ...wait, holder: undefined, outcome: "timeout" },
      { ...wait, waiter: self, holder, outcome: "woken" },
    ],
    syscalls: [syscall, { ...syscall, pid: Deno.pid }],
    losses: new Map(),
  };
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const [recording] = await Array.fromAsync(record({
    collectors: [{ ...collectorOf([window]), kind: "syscall" }],
    symboliser,
    windowMs: 10,
    durationMs: 10,
    signal: new AbortController().signal,
    excludedPid: Deno.pid,
  }));
  const { profile } = recording!;
  assertEquals(totalOf(profile, "syscall"), { value: 30, count: 1 });
  const leaf = frameAt(profile, profile.stacks.frame[profile.stacks.offset[profile.samples.stack[0]!]!]!);
  assertEquals([leaf.function, leaf.module], ["epoll_wait", "[syscall]"]);
  const locks = [0, 1].map((row) => lockAt(profile, row));
  assertEquals(locks.map(({ class: name, outcome, delay }) => [name, outcome, delay]), [
    ["mutex", "woken", 70],
    ["mutex", "timeout", 70],
  ]);
  assertEquals(seriesAt(profile, locks[0]!.holder!.series).comm, "holder");
  assertEquals([profile.locks.count.length, profile.syscalls.count.length, locks[1]!.holder], [
    2,
    1,
    undefined,
  ]);
  const { series: _series, ...call } = syscallAt(profile, 0);
  assertEquals(call, {
    ...{ call: "epoll_wait", category: "wait", count: 3, total: 60, min: 10, max: 30 },
    ...{ errors: new Map([[4, 1]]), histogram: [0, 0, 0, 1, 2], open: 0, oldest: 0 },
  });
});

Deno.test("record() ends with its duration, at whatever fraction of a ms it began", async () => {
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  // 328.96524178228634 + 200 - 328.96524178228634 is less than 200.
  let now = 328.96524178228634;
  const clock = { monotonic: () => now, wall: () => now };
  const { signal } = new AbortController();
  const windows = Array.from({ length: 9 }, () => ({ samples: [], losses: new Map<string, number>() }));
  let count = 0;
  for await (
    const _ of record({
      ...{ collectors: [collectorOf(windows)], symboliser, windowMs: 200, durationMs: 200, signal, clock },
    })
  ) {
    now += 200;
    if (++count > 3) break;
  }
  assertEquals(count, 1);
});

Deno.test("record() observes processes as they are seen, and nobody's when it is done", async () => {
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const unwinder: NonNullable<RecordOptions["unwinder"]> = { endWindow() {}, onProcess: undefined };
  const { signal } = new AbortController();
  const options = {
    collectors: [collectorOf([])],
    symboliser,
    unwinder,
    windowMs: 10,
    durationMs: 10,
    signal,
  };
  for await (const _ of record(options)) {
    const { reads } = symboliser.stats.processes;
    unwinder.onProcess?.(Deno.pid);
    assertEquals(symboliser.stats.processes.reads, reads + 1);
  }
  assertEquals(unwinder.onProcess, undefined);
});
