// SPDX-License-Identifier: Apache-2.0
/**
 * Writes a batch as `aperture.v1.PushRequest`, columns packed.
 *
 * @module
 */

import { atOnce, type Pieces } from "../../common/pieces.ts";
import type { Batch } from "../model.ts";
import { WireWriter } from "./wire_writer.ts";

/** Returns the bytes of the `PushRequest` that carries `batch`; fields in the order of their numbers. */
export function writeBatch(batch: Batch): Uint8Array<ArrayBuffer> {
  return atOnce(writingBatch(batch));
}

/** Does what {@linkcode writeBatch} does, in pieces. */
export function* writingBatch(batch: Batch): Pieces<Uint8Array<ArrayBuffer>> {
  const writer = new WireWriter();
  const begin = writer.open(1);
  writer.string(1, batch.agentId);
  writer.fixed64(2, batch.epoch);
  writer.integer(3, batch.sequence);
  writer.fixed64(4, batch.startNs);
  writer.fixed64(5, batch.endNs);
  writer.string(6, batch.node);
  if (batch.agentVersion !== "") writer.string(7, batch.agentVersion);
  // A reason of a loss need not be in the string table: it is a word of the agent, not of the profile.
  const strings = [...batch.strings];
  const rowsOf = (names: ReadonlyMap<string, number>) => {
    return Uint32Array.from(names.keys(), (name) => indexOf(strings, name, batch.strings.length));
  };
  const reasons = rowsOf(batch.losses);
  const stackEnds = batch.stackEnds ?? new Map<string, number>();
  const ends = rowsOf(stackEnds);
  yield* writer.strings(8, strings);
  const { frames, stacks, series, samples, losses, locks, holds, syscalls, slowCalls } = batch;
  yield* writer.table(9, [
    frames.function,
    frames.module,
    frames.file,
    frames.line,
    frames.buildId,
    frames.address,
    frames.startLine,
    frames.inlined,
    frames.rank,
  ]);
  yield* writer.table(10, [lengths(stacks.offset), stacks.frame]);
  yield* writer.table(11, [
    series.pid,
    series.comm,
    series.exe,
    series.container,
    series.pod,
    series.namespace,
    series.service,
    series.labels,
    series.process,
  ]);
  yield* writer.table(12, [samples.kind, samples.series, samples.stack, samples.value, samples.count]);
  yield* writer.table(13, [reasons, Float64Array.from(losses.values())]);
  yield* writer.table(14, [
    locks.outcome,
    locks.series,
    locks.stack,
    locks.class,
    locks.type,
    locks.holderSeries,
    locks.holderStack,
    locks.count,
    locks.delay,
    locks.max,
    lengths(locks.histogramOffset),
    locks.histogram,
    locks.address,
  ]);
  yield* writer.table(15, [
    syscalls.series,
    syscalls.call,
    syscalls.category,
    syscalls.count,
    syscalls.total,
    syscalls.min,
    syscalls.max,
    lengths(syscalls.errorOffset),
    syscalls.errno,
    syscalls.errorCount,
    lengths(syscalls.histogramOffset),
    syscalls.histogram,
    syscalls.open,
    syscalls.oldest,
  ]);
  if (stackEnds.size > 0) yield* writer.table(20, [ends, Float64Array.from(stackEnds.values())]);
  if (holds.class.length > 0) {
    yield* writer.table(21, [
      holds.series,
      holds.stack,
      holds.class,
      holds.count,
      holds.total,
      holds.max,
      lengths(holds.histogramOffset),
      holds.histogram,
    ]);
  }
  const { foreign } = batch;
  if (foreign) {
    yield* writer.table(22, [foreign.type, foreign.series, foreign.stack, foreign.value, foreign.count]);
  }
  if (slowCalls.call.length > 0) {
    yield* writer.table(23, [
      slowCalls.series,
      slowCalls.call,
      slowCalls.category,
      slowCalls.object,
      slowCalls.count,
      slowCalls.total,
      slowCalls.onCpu,
      slowCalls.inLock,
      slowCalls.max,
    ]);
  }
  const { cpuNs = 0, memoryBytes = 0 } = batch.usage ?? {};
  if (cpuNs > 0) writer.integer(24, cpuNs);
  if (memoryBytes > 0) writer.integer(25, memoryBytes);
  writer.close(begin);
  return writer.finish();
}

/** Returns the row of `text` in `strings`; only what was added after the first `known` is searched. */
function indexOf(strings: string[], text: string, known: number): number {
  const at = strings.indexOf(text, known);
  return at >= 0 ? at : strings.push(text) - 1;
}

/** Returns how long the parts are that begin at `offset`, which is empty where there are none. */
function lengths(offset: Uint32Array): Uint32Array {
  const lengths = new Uint32Array(Math.max(0, offset.length - 1));
  for (let i = 0; i < lengths.length; i++) lengths[i] = offset[i + 1]! - offset[i]!;
  return lengths;
}
