// SPDX-License-Identifier: Apache-2.0
/**
 * Random batches, and the same samples as plain objects for tests to reckon with.
 *
 * @module
 */

import fc from "fast-check";
import type { ReceivedBatch } from "../../aggregator/storage/part.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { isIdleCategory, isIdleClass } from "../../profile/idle.ts";
import { holdAt, type HoldRow } from "../../profile/holds.ts";
import { lockAt, type LockRow } from "../../profile/locks.ts";
import {
  type Frame,
  frameAt,
  type Kind,
  kindOf,
  RANK,
  type Rank,
  type Series,
  seriesAt,
  SYSCALL_MODULE,
} from "../../profile/model.ts";
import { slowCallAt, type SlowCallRow } from "../../profile/slow_calls.ts";
import { syscallAt, type SyscallRow } from "../../profile/syscalls.ts";
import { anyCall, anyHold, anySlowCall, anyWait } from "./waits_and_calls.ts";

/** Says who it was, and where. */
export interface PlainPlace {
  readonly series: Series;
  /** They are leaf first. */
  readonly frames: readonly Frame[];
}

/** Says what a row is of. */
export interface Origin {
  readonly node: string;
  /** Unix milliseconds. */
  readonly startMs: number;
  readonly series: Series;
}

/** A wait with all that it refers to. */
export type PlainLock =
  & Origin
  & PlainPlace
  & Omit<LockRow, "series" | "stack" | "holder">
  & { readonly holder: PlainPlace | undefined };

/** A call with its series. */
export type PlainSyscall = Origin & Omit<SyscallRow, "series">;

/** A hold with all that it refers to. */
export type PlainHold = Origin & PlainPlace & Omit<HoldRow, "series" | "stack">;

/** A slow call with its series. */
export type PlainSlowCall = Origin & Omit<SlowCallRow, "series">;

/** A sample with all that it refers to. */
export interface PlainSample extends Origin, PlainPlace {
  readonly kind: Kind;
  readonly value: number;
  readonly count: number;
  /** Is true of a thread that has nothing to do. */
  readonly idle: boolean;
}

/** Text that breaks what is put together carelessly. */
export const HOSTILE = [
  "",
  "'; DROP TABLE samples; --",
  "' OR 1 = 1 --",
  "\\",
  "\\'",
  "a\tb\nc\r\0d",
  "{kind:String}",
  '"`[],()',
  "%s%00 ?&=+#",
  "日本語 🔥",
  "x".repeat(300),
] as const;

/** The first moment at which generated batches start, in Unix ms; the day's last minute. */
export const FIRST_MS = Date.UTC(2026, 10, 20, 23, 59, 0);

const text = fc.oneof(fc.constantFrom("main", "loop", "read", "write"), fc.constantFrom(...HOSTILE));

/** Holds what only its content tells of a frame. */
const contentFrame: fc.Arbitrary<Required<Frame>> = fc.record({
  function: text,
  module: fc.constantFrom("/bin/a", "[kernel]", "[syscall]", "it's; a \\module"),
  file: fc.constantFrom("", "a.c"),
  line: fc.constantFrom(0, 7, 2 ** 32 - 1),
  buildId: fc.constant(""),
  address: fc.constantFrom(0, 64, Number.MAX_SAFE_INTEGER),
  startLine: fc.constantFrom(0, 5),
  inlined: fc.constant(false),
  rank: fc.constantFrom(...Object.values(RANK)),
});

type NativePlace = Pick<Frame, "module" | "buildId" | "address">;

/** Names native code, the innermost function first: at each rank in one way, as it is the same file. */
function nativeFrames(place: NativePlace, rank: Rank): Required<Frame>[] {
  const name = `${place.module.slice(1)}+0x${place.address.toString(16)}`;
  const bare = { ...place, function: name, file: "", line: 0, startLine: 0, inlined: false, rank };
  if (rank === RANK.none) return [bare];
  if (rank !== RANK.debug) return [{ ...bare, function: `f${place.address % 3}` }];
  const outer = { ...bare, function: `f${place.address % 3}(int)`, file: "f.c", line: 9, startLine: 4 };
  return [{ ...outer, function: "inner", file: "in.h", line: 2, startLine: 1, inlined: true }, outer];
}

const native = fc.record({
  module: fc.constantFrom("/bin/a", "/lib/b.so"),
  buildId: fc.constantFrom("abcd", "ef01"),
  address: fc.oneof(fc.constantFrom(0, 64, 65, Number.MAX_SAFE_INTEGER), fc.nat(200)),
});

const frames = (maxLength: number) =>
  fc.array(
    fc.oneof(
      contentFrame.map((frame) => [frame]),
      fc.tuple(native, fc.constantFrom(...Object.values(RANK))).map((args) => nativeFrames(...args)),
    ),
    { maxLength },
  ).map((locations) => locations.flat());

const placeKey = ({ module, buildId, address }: NativePlace) => `${module} ${buildId} ${address}`;

/** Returns the frames of stacks with the best names that any of `batches` has for them. */
export function healing(batches: readonly ReceivedBatch[]): (frames: readonly Frame[]) => Frame[] {
  const best = new Map<string, Rank>();
  for (const batch of batches) {
    for (const row of new Set(batch.stacks.frame)) {
      const { rank, ...place } = frameAt(batch, row);
      const key = placeKey(place);
      if (rank > (best.get(key) ?? -1)) best.set(key, rank);
    }
  }
  return (frames) =>
    frames.flatMap((frame) => {
      if (frame.buildId === "") return [frame];
      const { module, buildId, address } = frame;
      return frame.inlined ? [] : nativeFrames({ module, buildId, address }, best.get(placeKey(frame))!);
    });
}

const series = fc.record({
  pid: fc.constantFrom(0, 1, 42, 2 ** 32 - 1),
  comm: text,
  exe: text,
  container: fc.constantFrom("", "c1"),
  pod: text,
  namespace: fc.constantFrom("", "prod", "test"),
  service: fc.constantFrom("", "web", "db"),
  labels: fc.constantFrom("", "app=web", "app=db,team=x%2Cy"),
  process: fc.constantFrom("", "worker.py", HOSTILE[1]),
});

const sample = fc.record({
  kind: fc.constantFrom<Kind>("cpu", "syscall"),
  series,
  frames: frames(8),
  value: fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 2 ** 40 })),
  count: fc.integer({ min: 1, max: 100 }),
});

// Few, so that some wait at the same place.
const place = fc.record({ series, frames: frames(3) });

/** Returns a batch of up to `samples` samples, as many waits and as many calls, within two minutes around midnight. */
export function batchArbitrary(samples: number): fc.Arbitrary<ReceivedBatch> {
  return fc.record({
    agentId: fc.constantFrom("agent-1", ...HOSTILE),
    epoch: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    startMs: fc.integer({ min: FIRST_MS, max: FIRST_MS + 120_000 }),
    node: fc.constantFrom("n1", "n2", "it's \\ node"),
    agentVersion: text,
    losses: fc.dictionary(
      fc.constantFrom("ring_full", ...HOSTILE.slice(1)),
      fc.integer({ min: 0, max: 1000 }),
    ),
    stackEnds: fc.dictionary(fc.constantFrom("complete", ...HOSTILE.slice(1)), fc.nat(1000)),
    samples: fc.array(sample, { maxLength: samples, size: "max" }),
    waits: fc.array(fc.tuple(anyWait, place, fc.option(place)), { maxLength: samples, size: "max" }),
    calls: fc.array(fc.tuple(anyCall, series), { maxLength: samples, size: "max" }),
    holds: fc.array(fc.tuple(anyHold, place), { maxLength: 10, size: "max" }),
    slow: fc.array(fc.tuple(anySlowCall, series), { maxLength: 10, size: "max" }),
  }).map(({ startMs, losses, stackEnds, samples, waits, calls, holds, slow, ...batch }) => {
    const builder = new ProfileBuilder();
    const add = ({ series, frames }: PlainPlace) => ({
      series: builder.series(series),
      stack: builder.stack(frames.map((f) => builder.frame(f))),
    });
    for (const [wait, waiter, holder] of waits) {
      builder.addLock({ ...wait, ...add(waiter), holder: holder ? add(holder) : undefined });
    }
    for (const [call, of] of calls) builder.addSyscall({ ...call, series: builder.series(of) });
    for (const [hold, of] of holds) builder.addHold({ ...hold, ...add(of) });
    for (const [call, of] of slow) builder.addSlowCall({ ...call, series: builder.series(of) });
    for (const { kind, series, frames, value, count } of samples) {
      builder.add(
        kind,
        builder.series(series),
        builder.stack(frames.map((f) => builder.frame(f))),
        value,
        count,
      );
    }
    const startNs = BigInt(startMs) * 1_000_000n;
    return {
      ...batch,
      ...builder.build(),
      startNs,
      endNs: startNs + 10_000_000_000n,
      losses: new Map(Object.entries(losses)),
      stackEnds: new Map(Object.entries(stackEnds)),
      // Batches of one time say the same.
      ...batch.sequence % 3 > 0 && {
        usage: { cpuNs: batch.sequence % 1e9, memoryBytes: 2 ** 20 + startMs % 1_000_003 },
      },
      receivedMs: startMs + 10_500,
    };
  });
}

function originOf(batch: ReceivedBatch, series: number): Origin {
  return {
    node: batch.node,
    startMs: Number(batch.startNs / 1_000_000n),
    series: seriesAt(batch, series),
  };
}

function placeOf(batch: ReceivedBatch, { series, stack }: { series: number; stack: number }): PlainPlace {
  const { offset, frame } = batch.stacks;
  return {
    series: seriesAt(batch, series),
    frames: Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => frameAt(batch, row)),
  };
}

/** Returns the waits of `batches`, one by one. */
export function plainLocks(batches: readonly ReceivedBatch[]): PlainLock[] {
  return batches.flatMap((batch) =>
    Array.from(batch.locks.outcome, (_, i): PlainLock => {
      const { series, stack, holder, ...lock } = lockAt(batch, i);
      return {
        ...lock,
        ...originOf(batch, series),
        ...placeOf(batch, { series, stack }),
        holder: holder && placeOf(batch, holder),
      };
    })
  );
}

/** Returns the calls of `batches`, one by one. */
export function plainSyscalls(batches: readonly ReceivedBatch[]): PlainSyscall[] {
  return batches.flatMap((batch) =>
    Array.from(batch.syscalls.call, (_, i): PlainSyscall => {
      const { series, ...syscall } = syscallAt(batch, i);
      return { ...syscall, ...originOf(batch, series) };
    })
  );
}

/** Returns the holds of `batches`, one by one. */
export function plainHolds(batches: readonly ReceivedBatch[]): PlainHold[] {
  return batches.flatMap((batch) =>
    Array.from(batch.holds.class, (_, i): PlainHold => {
      const { series, stack, ...hold } = holdAt(batch, i);
      return { ...hold, ...originOf(batch, series), ...placeOf(batch, { series, stack }) };
    })
  );
}

/** Returns the slow calls of `batches`, one by one. */
export function plainSlowCalls(batches: readonly ReceivedBatch[]): PlainSlowCall[] {
  return batches.flatMap((batch) =>
    Array.from(batch.slowCalls.call, (_, i): PlainSlowCall => {
      const { series, ...slow } = slowCallAt(batch, i);
      return { ...slow, ...originOf(batch, series) };
    })
  );
}

/** Returns the waits of `batches` that were woken or are open, as samples; those that are open have no count. */
export function lockSamples(batches: readonly ReceivedBatch[]): PlainSample[] {
  return plainLocks(batches).filter(({ outcome }) => outcome === "woken" || outcome === "open").map(
    (lock) => {
      const { node, startMs, series, frames, delay } = lock;
      const count = lock.outcome === "woken" ? lock.count : 0;
      return {
        kind: "lock",
        node,
        startMs,
        series,
        frames,
        value: delay,
        count,
        idle: isIdleClass(lock.class),
      };
    },
  );
}

/** Returns the samples of `batches`, one by one; without waits. */
export function plainSamples(batches: readonly ReceivedBatch[]): PlainSample[] {
  return batches.flatMap((batch) => {
    const idleCalls = new Set(
      plainSyscalls([batch]).filter(({ category }) => isIdleCategory(category)).map(({ call }) => call),
    );
    return Array.from(batch.samples.kind, (kind, i): PlainSample => {
      const series = batch.samples.series[i]!;
      const place = placeOf(batch, { series, stack: batch.samples.stack[i]! });
      const [leaf] = place.frames;
      return {
        kind: kindOf(kind)!,
        ...originOf(batch, series),
        ...place,
        value: batch.samples.value[i]!,
        count: batch.samples.count[i]!,
        idle: kindOf(kind) === "syscall" && leaf?.module === SYSCALL_MODULE && idleCalls.has(leaf.function),
      };
    });
  });
}

/** Returns what series took, as samples without stacks: all calls, not only those with a sample. */
export function plainTotals(batches: readonly ReceivedBatch[]): PlainSample[] {
  const calls = plainSyscalls(batches).map(({ node, startMs, series, total, count, category }) => {
    const of = { node, startMs, series, frames: [] };
    return { ...of, kind: "syscall" as const, value: total, count, idle: isIdleCategory(category) };
  });
  return [...plainSamples(batches).filter(({ kind }) => kind === "cpu"), ...lockSamples(batches), ...calls];
}
