/**
 * Random batches, and the same samples as plain objects for tests to reckon with.
 *
 * @module
 */

import fc from "fast-check";
import type { ReceivedBatch } from "../../aggregator/storage/rows.ts";
import { ProfileBuilder } from "../../profile/builder.ts";
import { type Frame, frameAt, type Kind, kindOf, KINDS, type Series, seriesAt } from "../../profile/model.ts";

/** A sample with all that it refers to. */
export interface PlainSample {
  readonly kind: Kind;
  readonly node: string;
  /** Unix milliseconds. */
  readonly startMs: number;
  readonly series: Series;
  /** Leaf first. */
  readonly frames: readonly Frame[];
  readonly value: number;
  readonly count: number;
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

const frame = fc.record({
  function: text,
  module: fc.constantFrom("/bin/a", "/lib/b.so", "[kernel]", "it's; a \\module"),
  file: fc.constantFrom("", "a.c"),
  line: fc.constantFrom(0, 7, 2 ** 32 - 1),
  buildId: fc.constantFrom("", "abcd"),
  address: fc.constantFrom(0, 64, Number.MAX_SAFE_INTEGER),
});

const series = fc.record({
  pid: fc.constantFrom(0, 1, 42, 2 ** 32 - 1),
  comm: text,
  exe: text,
  container: fc.constantFrom("", "c1"),
  pod: text,
  namespace: fc.constantFrom("", "prod", "test"),
  service: fc.constantFrom("", "web", "db"),
});

const sample = fc.record({
  kind: fc.constantFrom(...KINDS),
  series,
  frames: fc.array(frame, { maxLength: 8 }),
  value: fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 2 ** 40 })),
  count: fc.integer({ min: 1, max: 100 }),
});

/** A batch of up to `samples` samples within two minutes around midnight. */
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
  }).map(({ startMs, losses, stackEnds, samples, ...batch }) => {
    const builder = new ProfileBuilder();
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
      receivedMs: startMs + 10_500,
    };
  });
}

/** The samples of `batches`, one by one. */
export function plainSamples(batches: readonly ReceivedBatch[]): PlainSample[] {
  return batches.flatMap((batch) =>
    Array.from(batch.samples.kind, (kind, i): PlainSample => {
      const { offset, frame } = batch.stacks;
      const stack = batch.samples.stack[i]!;
      return {
        kind: kindOf(kind)!,
        node: batch.node,
        startMs: Number(batch.startNs / 1_000_000n),
        series: seriesAt(batch, batch.samples.series[i]!),
        frames: Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => frameAt(batch, row)),
        value: batch.samples.value[i]!,
        count: batch.samples.count[i]!,
      };
    })
  );
}
