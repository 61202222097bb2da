/**
 * Batches to test and measure with.
 *
 * @module
 */

import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { type Batch, type Kind, KINDS } from "../../profile/model.ts";

export interface BatchOptions {
  /** @default {"agent-1"} */
  agentId?: string;
  /** @default {1} */
  sequence?: number;
  /** Unix nanoseconds. @default {1_767_225_600_000_000_000n} */
  epoch?: bigint;
  /** How many samples, each with a stack of its own. @default {3} */
  samples?: number;
  /** Frames of each stack. @default {4} */
  depth?: number;
  /** How many different functions there are. @default {50} */
  functions?: number;
}

const DEFAULT_EPOCH = 1_767_225_600_000_000_000n;

/** A batch like a real one: it is always the same for the same options. */
export function makeBatch({
  agentId = "agent-1",
  sequence = 1,
  epoch = DEFAULT_EPOCH,
  samples = 3,
  depth = 4,
  functions = 50,
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
  };
}

/** Any sound batch. */
export function arbitraryBatch(): fc.Arbitrary<Batch> {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const row = fc.record({
    kind: fc.constantFrom<Kind>(...KINDS),
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
  }).map(({ rows, window, ...rest }) => {
    const builder = new ProfileBuilder();
    for (const { kind, pid, comm, frames, value, count } of rows) {
      const stack = builder.stack(frames.map((frame) => builder.frame(frame)));
      builder.add(kind, builder.series({ pid, comm }), stack, value, count);
    }
    return { ...builder.build(), ...rest, endNs: rest.startNs + window };
  });
}
