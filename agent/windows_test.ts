// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { BriefProcesses } from "./brief_processes.ts";
import { MACHINE_CLOCK } from "./clock.ts";
import type { Collector, Window } from "./collectors/collector.ts";
import { Windows, type WindowsOptions } from "./windows.ts";

/** Counts its drains: each gives a window of as many samples as there were. */
function counting(drain: () => Promise<void> = () => Promise.resolve()): Collector & { drains: number } {
  return {
    kind: "cpu",
    memoryBytes: 0,
    fill: 0,
    drains: 0,
    async drain(): Promise<Window> {
      await drain();
      const sample = { pid: 1, comm: "c", user: [], kernel: [], value: 1, count: ++this.drains };
      return { samples: [sample], losses: new Map() };
    },
    [Symbol.dispose]() {},
  };
}

function open(collector: Collector, options: Partial<WindowsOptions>): Windows {
  return new Windows({
    ...{ collectors: [collector], processes: new BriefProcesses(() => new Set()), group: () => "" },
    ...{ windowMs: 3_600_000, durationMs: Infinity, signal: new AbortController().signal },
    ...{ clock: MACHINE_CLOCK, beats: () => 1, onEnd: () => {} },
    ...options,
  });
}

Deno.test("Windows takes the last window when the run is over, though nobody asks for it yet", async () => {
  const collector = counting();
  const stop = new AbortController();
  const ended = Promise.withResolvers<void>();
  using windows = open(collector, { windowMs: 10, signal: stop.signal, onEnd: ended.resolve });
  const first = await windows.next();
  assertEquals([first.isLast, first.drained.windows[0]!.samples[0]!.count], [false, 1]);
  // The first window is named for longer than the run has left.
  stop.abort();
  await ended.promise;
  const last = await windows.next();
  assertEquals([last.isLast, collector.drains], [true, 2]);
  assertEquals(last.stamped.start, first.stamped.end);
});

Deno.test("Windows takes the last window after the one that is being taken", async () => {
  const stop = new AbortController();
  const begun = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  let drains = 0;
  const collector = counting(() => {
    drains++;
    begun.resolve();
    return proceed.promise;
  });
  using windows = open(collector, { windowMs: 1, signal: stop.signal });
  const taking = windows.next();
  await begun.promise;
  stop.abort();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(drains, 1);
  proceed.resolve();
  const [first, last] = [await taking, await windows.next()];
  assertEquals([first.isLast, last.isLast, drains], [false, true, 2]);
  assertEquals(last.stamped.start, first.stamped.end);
});

Deno.test("Windows takes one window for all beats that passed, and the next in time", async () => {
  let now = 0;
  using windows = open(counting(), { windowMs: 20, clock: { ...MACHINE_CLOCK, monotonic: () => now } });
  await windows.next();
  // The first one, due at 20, was named until then.
  now = 115;
  const second = await windows.next();
  const third = await windows.next();
  assertEquals([second.late, third.late], [115 - 40, 0]);
});

Deno.test("Windows has one window of a run that was stopped before it began", async () => {
  const collector = counting();
  using windows = open(collector, { signal: AbortSignal.abort() });
  assertEquals((await windows.next()).isLast, true);
  assertEquals(collector.drains, 1);
});

Deno.test("Windows is not kept by what fails: the last window says so where it is asked for", async () => {
  const stop = new AbortController();
  const collector = counting(() => Promise.reject(new Error("no such map")));
  using windows = open(collector, { windowMs: 1, signal: stop.signal });
  // Two failures are said and tried again.
  for (let i = 0; i < 2; i++) await windows.next();
  stop.abort();
  const error = await windows.next().catch((error) => error);
  assertEquals(error.message, "no such map");
});
