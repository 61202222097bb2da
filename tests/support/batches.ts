// SPDX-License-Identifier: Apache-2.0
/**
 * Batches to test and measure with.
 *
 * @module
 */

import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { type Batch, type Kind, OUTCOMES } from "../../profile/model.ts";
import { anyCall, anySlowCall, anyWait } from "./waits_and_calls.ts";

export interface BatchOptions {
  /** @default {"agent-1"} */
  agentId?: string;
  /** @default {1} */
  sequence?: number;
  /** Unix nanoseconds. @default {1_767_225_600_000_000_000n} */
  epoch?: bigint;
  /** It has this many samples, each with a stack of its own. @default {3} */
  samples?: number;
  /** Frames of each stack. @default {4} */
  depth?: number;
  /** It has this many different functions. @default {50} */
  functions?: number;
  /** It has this many rows of waits, at most 3, and of calls. @default {0} */
  waits?: number;
}

const DEFAULT_EPOCH = 1_767_225_600_000_000_000n;

/** Returns a batch like a real one: it is always the same for the same options. */
export function makeBatch({
  agentId = "agent-1",
  sequence = 1,
  epoch = DEFAULT_EPOCH,
  samples = 3,
  depth = 4,
  functions = 50,
  waits = 0,
}: BatchOptions = {}): Batch {
  let state = 12345;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  const builder = new ProfileBuilder();
  const frames = Array.from({ length: functions }, (_, i) =>
    builder.frame({
      function: `aperture::demo::Worker<int>::function_${i}(unsigned long)`,
      module: `/usr/lib/libdemo${i % 7}.so`,
      file: `/src/demo/file_${i % 31}.cc`,
      line: i * 3,
      buildId: `${i % 7}`.repeat(40),
      address: 0x4000 + i * 64,
    }));
  const series = ["demo", "worker", "main"].map((comm, pid) =>
    builder.series({ pid: pid + 100, comm, exe: "/usr/bin/demo", pod: "demo-0", namespace: "default" })
  );
  for (let i = 0; i < samples; i++) {
    const rows = Array.from({ length: depth }, () => frames[random(functions)]!);
    const count = 1 + random(20);
    builder.add("cpu", series[random(3)]!, builder.stack(rows), count * 10_101_010, count);
  }
  if (waits > 0) addWaitsAndCalls(builder, { waits, frames, series });
  const startNs = epoch + BigInt(sequence) * 10_000_000_000n;
  return {
    ...builder.build(),
    agentId,
    epoch,
    sequence,
    startNs,
    endNs: startNs + 10_000_000_000n,
    node: "node-1",
    agentVersion: "0.1.0",
    losses: new Map([["stack_map_full", 2]]),
    stackEnds: new Map([["complete", 97], ["no_page", 3]]),
    usage: { cpuNs: 120_000_000, memoryBytes: 130 * 2 ** 20 },
  };
}

function addWaitsAndCalls(
  builder: ProfileBuilder,
  { waits, frames, series }: { waits: number; frames: readonly number[]; series: readonly number[] },
): void {
  const place = { series: series[0]!, stack: builder.stack([frames[0]!, frames[1]!]) };
  const holder = { series: series[1]!, stack: builder.stack([frames[2]!]) };
  const lock = { ...place, class: "mutex", type: "futex", address: "heap", holder } as const;
  for (let i = 0; i < waits; i++) {
    const outcome = OUTCOMES[i % OUTCOMES.length]!;
    builder.addLock({ ...lock, outcome, count: 1 + i, delay: 1000 + i, max: 1000, histogram: [0, 1 + i] });
    builder.addHold({
      ...holder,
      class: "mutex",
      count: 1 + i,
      total: 500 + i,
      max: 500,
      histogram: [1 + i],
    });
    builder.addSyscall({
      ...{
        series: place.series,
        call: `call_${i}`,
        category: "file",
        count: 10,
        total: 500,
        min: 20,
        max: 90,
      },
      ...{ errors: new Map([[2, 1], [11, 2]]), histogram: [0, 0, 0, 0, 5, 3, 2] },
      ...{ open: i % 2, oldest: (i % 2) * 1e9 },
    });
    builder.addSlowCall({
      ...{ series: place.series, call: `call_${i}`, category: "file", object: `/data/${i}` },
      ...{ count: 1, total: 90, onCpu: 20, inLock: 10, max: 90 },
    });
  }
}

/** Gives any sound batch. */
export function arbitraryBatch(): fc.Arbitrary<Batch> {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const row = fc.record({
    kind: fc.constantFrom<Kind>("cpu", "syscall"),
    pid: fc.nat(),
    comm: text,
    frames: fc.array(
      fc.record({
        function: text,
        module: text,
        file: text,
        line: fc.nat(),
        buildId: text,
        address: fc.maxSafeNat(),
      }),
      { maxLength: 8 },
    ),
    value: fc.integer({ min: 0, max: 2 ** 45 }),
    count: fc.integer({ min: 0, max: 2 ** 33 }),
  });
  const name = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
  const time = fc.bigInt({ min: DEFAULT_EPOCH, max: DEFAULT_EPOCH * 2n });
  return fc.record({
    rows: fc.array(row, { maxLength: 20 }),
    waits: fc.array(fc.tuple(anyWait, fc.nat(), fc.option(fc.nat())), { maxLength: 6 }),
    calls: fc.array(fc.tuple(anyCall, fc.nat()), { maxLength: 6 }),
    slow: fc.array(fc.tuple(anySlowCall, fc.nat()), { maxLength: 6 }),
    agentId: name,
    node: name,
    agentVersion: text,
    epoch: time,
    startNs: time,
    window: fc.bigInt({ min: 1n, max: 86_400_000_000_000n }),
    sequence: fc.maxSafeNat().map((n) => Math.max(n, 1)),
    losses: fc.array(fc.tuple(text, fc.nat()), { maxLength: 4 }).map((entries) => new Map(entries)),
    stackEnds: fc.array(fc.tuple(text, fc.nat()), { minLength: 1, maxLength: 4 }).map((entries) =>
      new Map(entries)
    ),
    usage: fc.record({ cpuNs: fc.maxSafeNat(), memoryBytes: fc.integer({ min: 1, max: 2 ** 31 - 1 }) }),
  }).map(({ rows, waits, calls, slow, window, ...rest }) => {
    const builder = new ProfileBuilder();
    const places: { series: number; stack: number }[] = [];
    for (const { kind, pid, comm, frames, value, count } of rows) {
      const stack = builder.stack(frames.map((frame) => builder.frame(frame)));
      const series = builder.series({ pid, comm });
      places.push({ series, stack });
      builder.add(kind, series, stack, value, count);
    }
    for (const [wait, waiter, holder] of places.length > 0 ? waits : []) {
      const place = (at: number) => places[at % places.length]!;
      builder.addLock({ ...wait, ...place(waiter), holder: holder === null ? undefined : place(holder) });
    }
    for (const [call, at] of places.length > 0 ? calls : []) {
      builder.addSyscall({ ...call, series: places[at % places.length]!.series });
    }
    for (const [call, at] of places.length > 0 ? slow : []) {
      builder.addSlowCall({ ...call, series: places[at % places.length]!.series });
    }
    return { ...builder.build(), ...rest, endNs: rest.startNs + window };
  });
}
