// SPDX-License-Identifier: Apache-2.0
/**
 * Makes what others push, for tests: files of pprof, and where they are staged.
 *
 * @module
 */

import {
  Function,
  Label,
  Line,
  Location,
  Mapping,
  Profile,
  Sample,
  StringTable,
  ValueType,
} from "pprof-format";
import { decode } from "../../aggregator/interop/decoding/decode.ts";
import { Intake, type IntakeOptions } from "../../aggregator/interop/intake/intake.ts";
import { StagingBuffer } from "../../aggregator/buffer/staging_buffer.ts";
import { type Batch, frameAt, KINDS, seriesAt } from "../../profile/model.ts";
import { type AnyKind, isProfileType } from "../../profile/profile_type.ts";
import { samplesOf } from "../../profile/samples_of.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { createHandler } from "../../aggregator/http/handler.ts";
import { testOptions } from "./http_handler.ts";

export interface PprofRow {
  /** From the leaf to the root. */
  readonly stack: readonly string[];
  readonly values: readonly number[];
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PprofFile {
  readonly types: readonly (readonly [type: string, unit: string])[];
  readonly rows: readonly PprofRow[];
  /** Unix ms. @default {Date.now()} */
  readonly timeMs?: number;
  readonly period?: readonly [type: string, unit: string, period: number];
}

/** Returns a file of pprof, not packed. */
export function pprofFile({ types, rows, timeMs = Date.now(), period }: PprofFile): Uint8Array<ArrayBuffer> {
  const strings = new StringTable();
  const text = (t: string) => strings.dedup(t);
  const type = ([name, unit]: readonly [string, string, ...unknown[]]) =>
    new ValueType({ type: text(name), unit: text(unit) });
  const names = [...new Set(rows.flatMap(({ stack }) => stack))];
  return new Profile({
    sampleType: types.map(type),
    sample: rows.map(({ stack, values, labels = {} }) =>
      new Sample({
        locationId: stack.map((name) => names.indexOf(name) + 1),
        value: [...values],
        label: Object.entries(labels).map(([key, str]) => new Label({ key: text(key), str: text(str) })),
      })
    ),
    mapping: [
      new Mapping({ id: 1, filename: text("/app/server"), buildId: text("abcd"), hasFunctions: true }),
    ],
    location: names.map((_, i) =>
      new Location({
        id: i + 1,
        mappingId: 1,
        address: 64 * i,
        line: [new Line({ functionId: i + 1, line: 7 })],
      })
    ),
    function: names.map((name, i) =>
      new Function({ id: i + 1, name: text(name), systemName: text(name), filename: text("server.go") })
    ),
    stringTable: strings,
    timeNanos: BigInt(timeMs) * 1_000_000n,
    ...(period && { periodType: type(period), period: period[2] }),
  }).encode() as Uint8Array<ArrayBuffer>;
}

/** A handler that stages what it is pushed. */
export async function startIntake(options: Partial<IntakeOptions> & { capacity?: number } = {}) {
  const buffer = await StagingBuffer.open({ ...options.capacity && { capacity: options.capacity } });
  const counts: Record<string, number> = {};
  const intake = new Intake({
    buffer,
    // As the process does that has its own test.
    decoder: { decode },
    count: (protocol, result, profiles) => {
      const key = `${protocol} ${result}`;
      counts[key] = (counts[key] ?? 0) + profiles;
    },
    ...options,
  });
  const handler = createHandler(testOptions({ intake }));
  return {
    buffer,
    counts,
    intake,
    /** Answers `path`, or a whole request. */
    ask: Object.assign(
      (path: string, init?: RequestInit) => handler(new Request(`http://aggregator.test${path}`, init)),
      { request: (request: Request) => handler(request) },
    ),
    /** Takes what is staged out of the buffer. */
    async staged(): Promise<Batch[]> {
      const group = await buffer.takeGroup();
      if (!group) return [];
      await buffer.complete(group);
      return group.batches.map(({ bytes }) => readBatch(bytes));
    },
    [Symbol.asyncDispose]: () => buffer[Symbol.asyncDispose](),
  };
}

/** Returns all samples as `KIND service root;…;leaf VALUE COUNT`, sorted and summed over batches. */
export function linesOf(batches: readonly Batch[]): string[] {
  const sums = new Map<string, readonly [number, number]>();
  for (const batch of batches) {
    const types = batch.strings.filter((text): text is AnyKind => isProfileType(text));
    for (const kind of [...KINDS, ...types]) {
      const { series, stack, value, count } = samplesOf(batch, kind);
      for (let i = 0; i < series.length; i++) {
        const { offset, frame } = batch.stacks;
        const names = Array.from(
          frame.subarray(offset[stack[i]!], offset[stack[i]! + 1]),
          (f) => frameAt(batch, f).function,
        );
        const key = `${kind} ${seriesAt(batch, series[i]!).service} ${names.toReversed().join(";")}`;
        const [v, c] = sums.get(key) ?? [0, 0];
        sums.set(key, [v + value[i]!, c + count[i]!]);
      }
    }
  }
  return sums.entries().map(([key, [value, count]]) => `${key} ${value} ${count}`).toArray().sort();
}
