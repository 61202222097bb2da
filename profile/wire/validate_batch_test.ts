// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { frameAt, kindOf, seriesAt, stackCount } from "../model.ts";
import { arbitraryBatch, makeBatch } from "../../tests/support/batches.ts";
import { readBatch, readPushRequest } from "./read_batch.ts";
import { MalformedBatchError } from "./check_columns.ts";
import { validateBatch } from "./validate_batch.ts";
import type { WireBatch } from "./wire_batch.ts";
import { WireError } from "./wire_reader.ts";
import { writeBatch } from "./write_batch.ts";

const SOUND = readPushRequest(writeBatch(makeBatch({ waits: 3 })))!;

function assertRefused(change: Partial<WireBatch>, why: string): void {
  assertThrows(() => validateBatch({ ...SOUND, ...change }), MalformedBatchError, why);
}

function column<T extends Uint8Array | Uint32Array | Float64Array>(of: T, row: number, value: number): T {
  const copy = of.slice() as T;
  copy[row] = value;
  return copy;
}

Deno.test("validateBatch() gives offsets of stacks and losses by reason", () => {
  const { batch } = validateBatch(SOUND);
  assertEquals([...batch.stacks.offset], [0, 4, 8, 12, 14, 15]);
  assertEquals([...batch.losses], [["stack_map_full", 2]]);
});

Deno.test("validateBatch() refuses a batch without a name or a time", () => {
  assertThrows(() => validateBatch(undefined), MalformedBatchError, "it is empty");
  assertRefused({ agentId: "" }, "agentId is empty");
  assertRefused({ node: "" }, "node is empty");
  assertRefused({ node: "n".repeat(257) }, "node is longer than 256 characters: 257");
  assertRefused({ sequence: 0 }, "sequence is not from 1 to 2^53 - 1: 0");
  assertRefused({ sequence: 2 ** 53 }, "sequence is not from 1");
  assertRefused({ epoch: 1_767_225_600_000n }, "epoch is not a time in Unix nanoseconds: 1767225600000");
  assertRefused({ endNs: 2n ** 64n - 1n }, "endNs is not a time");
  assertRefused({ endNs: SOUND.startNs }, "startNs is not before endNs");
  assertRefused({ endNs: SOUND.startNs + 86_400_000_000_001n }, "its window is longer than 86400000 ms");
});

Deno.test("validateBatch() refuses columns that do not fit together", () => {
  const { frames, stacks, series, samples, losses } = SOUND;
  assertRefused({ strings: [] }, `strings[0] is not ""`);
  assertRefused({ strings: ["a", ...SOUND.strings] }, `strings[0] is not ""`);
  assertRefused(
    { frames: { ...frames, line: new Uint32Array(1) } },
    "frames.line and frames.function differ",
  );
  assertRefused({ frames: { ...frames, module: column(frames.module, 2, 10_000) } }, "frames.module[2]");
  assertRefused({ frames: { ...frames, address: column(frames.address, 0, 2 ** 53) } }, "frames.address[0]");
  assertRefused({ stacks: { ...stacks, depth: column(stacks.depth, 0, 5) } }, "disagree: 16 and 15");
  assertRefused({ stacks: { ...stacks, depth: column(stacks.depth, 1, 1025) } }, "stacks.depth[1] is more");
  assertRefused({ stacks: { ...stacks, frame: column(stacks.frame, 3, 50) } }, "stacks.frame[3] is not one");
  assertRefused({ series: { ...series, pod: column(series.pod, 0, 99_999) } }, "series.pod[0]");
  assertRefused(
    { samples: { ...samples, kind: column(samples.kind, 1, 0) } },
    "samples.kind[1] is not known: 0",
  );
  assertRefused(
    { samples: { ...samples, kind: column(samples.kind, 1, 255) } },
    "samples.kind[1] is not known",
  );
  assertRefused({ samples: { ...samples, series: column(samples.series, 0, 3) } }, "samples.series[0]");
  assertRefused({ samples: { ...samples, stack: column(samples.stack, 0, 5) } }, "samples.stack[0]");
  assertRefused({ samples: { ...samples, value: column(samples.value, 0, 2 ** 53) } }, "samples.value[0]");
  assertRefused(
    { samples: { ...samples, value: samples.value.map(() => 2 ** 52) } },
    "samples.value sums to",
  );
  assertRefused(
    { losses: { ...losses, count: new Float64Array() } },
    "losses.count and losses.reason differ",
  );
});

Deno.test("validateBatch() refuses samples of waits, and waits and calls that do not fit together", () => {
  const { samples, locks, holds, syscalls } = SOUND;
  assertRefused({ samples: { ...samples, kind: column(samples.kind, 0, 2) } }, "samples.kind[0] is lock");
  assertRefused({ locks: { ...locks, max: new Float64Array() } }, "locks.max and locks.outcome differ");
  for (const name of ["series", "stack", "class", "type", "holderSeries", "holderStack"] as const) {
    assertRefused(
      { locks: { ...locks, [name]: column(locks[name], 1, 1e6) } },
      `locks.${name}[1] is not one`,
    );
  }
  assertRefused(
    { locks: { ...locks, outcome: column(locks.outcome, 0, 5) } },
    "locks.outcome[0] is not known: 5",
  );
  assertRefused({ locks: { ...locks, holderStack: column(locks.holderStack, 0, 0) } }, "not of one holder");
  assertRefused({ locks: { ...locks, delay: locks.delay.map(() => 2 ** 52) } }, "locks.delay sums to");
  assertRefused({ locks: { ...locks, max: column(locks.max, 0, 2 ** 53) } }, "locks.max[0]");
  assertRefused(
    { locks: { ...locks, histogram: column(locks.histogram, 0, 2 ** 53) } },
    "locks.histogram[0]",
  );
  for (const name of ["series", "stack", "class"] as const) {
    assertRefused({ holds: { ...holds, [name]: column(holds[name], 0, 1e6) } }, `holds.${name}[0]`);
  }
  for (const name of ["count", "total", "max", "histogram"] as const) {
    assertRefused({ holds: { ...holds, [name]: column(holds[name], 0, 2 ** 53) } }, `holds.${name}`);
  }
  for (const name of ["series", "call", "category"] as const) {
    assertRefused(
      { syscalls: { ...syscalls, [name]: column(syscalls[name], 0, 1e6) } },
      `syscalls.${name}[0]`,
    );
  }
  for (const name of ["count", "total", "min", "max", "errorCount", "histogram", "open", "oldest"] as const) {
    const wrong = { ...syscalls, [name]: column(syscalls[name], 0, 2 ** 53) };
    assertRefused({ syscalls: wrong }, `syscalls.${name}[0] is more than`);
  }
  assertRefused({ syscalls: { ...syscalls, errno: column(syscalls.errno, 0, 4096) } }, "syscalls.errno[0]");
  assertRefused(
    { syscalls: { ...syscalls, errors: column(syscalls.errors, 0, 3) } },
    "syscalls.errors and syscalls.errno disagree: 7 and 6",
  );
  assertRefused(
    { syscalls: { ...syscalls, errorCount: new Float64Array(3) } },
    "errors.errorCount and errors.errno differ",
  );
  assertRefused(
    { syscalls: { ...syscalls, buckets: column(syscalls.buckets, 0, 65) } },
    "syscalls.buckets[0] is more than 64: 65",
  );
});

Deno.test("validateBatch() keeps to the limits it is given", () => {
  for (const name of ["strings", "frames", "stacks", "series", "samples", "locks"] as const) {
    assertThrows(
      () => validateBatch(SOUND, { [name]: 2 }),
      MalformedBatchError,
      `it has more than 2 ${name}: `,
    );
  }
  assertThrows(() => validateBatch(SOUND, { stringLength: 20 }), MalformedBatchError, "strings[1] is longer");
  assertThrows(
    () => validateBatch(SOUND, { depth: 3 }),
    MalformedBatchError,
    "stacks.depth[0] is more than 3: 4",
  );
});

Deno.test("readBatch() of changed bytes refuses, or gives a batch all of whose rows can be read", () => {
  const change = fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255));
  fc.assert(
    fc.property(arbitraryBatch(), fc.array(change, { minLength: 1, maxLength: 3 }), (whole, changes) => {
      const bytes = writeBatch(whole);
      for (const [at, byte] of changes) bytes[Math.floor(at * bytes.length)] = byte;
      try {
        const batch = readBatch(bytes);
        for (let i = 0; i < batch.frames.line.length; i++) {
          assertEquals(Object.values(frameAt(batch, i)).includes(undefined as never), false);
        }
        for (let i = 0; i < batch.samples.kind.length; i++) {
          assertEquals(typeof kindOf(batch.samples.kind[i]!), "string");
          assertEquals(seriesAt(batch, batch.samples.series[i]!).comm === undefined, false);
          assertEquals(batch.samples.stack[i]! < stackCount(batch), true);
        }
        assertEquals(batch.stacks.offset.at(-1), batch.stacks.frame.length);
      } catch (error) {
        if (!(error instanceof MalformedBatchError || error instanceof WireError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("validateBatch() refuses what is small on the wire and large in tables", () => {
  const rows = 65_536;
  const batch = makeBatch();
  const strings = [...batch.strings, "x".repeat(16_384)];
  const large = new Uint32Array(rows).fill(batch.strings.length);
  const zeros = new Uint32Array(rows);
  const frames = {
    ...{ function: large, module: large, file: large, buildId: large, line: zeros },
    ...{ address: new Float64Array(rows), startLine: zeros, inlined: zeros, rank: zeros },
  };
  const names = { ...batch, strings, frames };
  assertThrows(() => readBatch(writeBatch(names)), MalformedBatchError, "when it is written out: 4");
  const none = {
    pid: zeros,
    comm: zeros,
    exe: zeros,
    container: zeros,
    pod: zeros,
    namespace: zeros,
    service: zeros,
    process: zeros,
  };
  const labels = { ...batch, strings, series: { ...none, labels: large } };
  assertThrows(() => readBatch(writeBatch(labels)), MalformedBatchError, "when it is written out: 1");
});
