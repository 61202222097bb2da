// SPDX-License-Identifier: Apache-2.0
/**
 * Writes a batch as `aperture.v1.PushRequest`, columns packed.
 *
 * @module
 */

import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Batch } from "../model.ts";

const LENGTH_DELIMITED = 2;
const VARINT = 0;
const FIXED64 = 1;

/** Returns the bytes of the `PushRequest` that carries `batch`; fields in the order of their numbers. */
export function writeBatch(batch: Batch): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, LENGTH_DELIMITED).fork();
  writer.tag(1, LENGTH_DELIMITED).string(batch.agentId);
  writer.tag(2, FIXED64).fixed64(batch.epoch);
  writer.tag(3, VARINT).uint64(batch.sequence);
  writer.tag(4, FIXED64).fixed64(batch.startNs);
  writer.tag(5, FIXED64).fixed64(batch.endNs);
  writer.tag(6, LENGTH_DELIMITED).string(batch.node);
  if (batch.agentVersion !== "") writer.tag(7, LENGTH_DELIMITED).string(batch.agentVersion);
  // A reason of a loss need not be in the string table: it is a word of the agent, not of the profile.
  const strings = [...batch.strings];
  const rowsOf = (names: ReadonlyMap<string, number>) => {
    return Uint32Array.from(names.keys(), (name) => indexOf(strings, name, batch.strings.length));
  };
  const reasons = rowsOf(batch.losses);
  const stackEnds = batch.stackEnds ?? new Map<string, number>();
  const ends = rowsOf(stackEnds);
  for (const text of strings) writer.tag(8, LENGTH_DELIMITED).string(text);
  const { frames, stacks, series, samples, losses, locks, holds, syscalls, slowCalls } = batch;
  table(writer, 9, [
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
  table(writer, 10, [lengths(stacks.offset), stacks.frame]);
  table(writer, 11, [
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
  table(writer, 12, [samples.kind, samples.series, samples.stack, samples.value, samples.count]);
  table(writer, 13, [reasons, Float64Array.from(losses.values())]);
  table(writer, 14, [
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
  table(writer, 15, [
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
  if (stackEnds.size > 0) table(writer, 20, [ends, Float64Array.from(stackEnds.values())]);
  if (holds.class.length > 0) {
    table(writer, 21, [
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
  if (foreign) table(writer, 22, [foreign.type, foreign.series, foreign.stack, foreign.value, foreign.count]);
  if (slowCalls.call.length > 0) {
    table(writer, 23, [
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
  if (cpuNs > 0) writer.tag(24, VARINT).uint64(cpuNs);
  if (memoryBytes > 0) writer.tag(25, VARINT).uint64(memoryBytes);
  return writer.join().finish() as Uint8Array<ArrayBuffer>;
}

/** Returns the row of `text` in `strings`; only what was added after the first `known` is searched. */
function indexOf(strings: string[], text: string, known: number): number {
  const at = strings.indexOf(text, known);
  return at >= 0 ? at : strings.push(text) - 1;
}

/** Returns how long the parts are that begin at `offset`. */
function lengths(offset: Uint32Array): Uint32Array {
  return Uint32Array.from({ length: offset.length - 1 }, (_, i) => offset[i + 1]! - offset[i]!);
}

/** Returns a message whose field `i + 1` is the column `i`; an empty column is left out. */
function table(
  writer: BinaryWriter,
  number: number,
  columns: readonly (Uint8Array | Uint32Array | Float64Array)[],
): void {
  writer.tag(number, LENGTH_DELIMITED).fork();
  columns.forEach((column, i) => {
    if (column.length === 0) return;
    writer.tag(i + 1, LENGTH_DELIMITED).bytes(packed(column));
  });
  writer.join();
}

/** Returns `column` as base-128 integers, low bits first. */
function packed(column: Uint8Array | Uint32Array | Float64Array): Uint8Array {
  const wide = column instanceof Float64Array;
  const bytes = new Uint8Array(column.length * (wide ? 8 : 5));
  let at = 0;
  for (let i = 0; i < column.length; i++) {
    let value = column[i]!;
    while (value >= 2 ** 31) {
      bytes[at++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    while (value >= 0x80) {
      bytes[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    bytes[at++] = value;
  }
  return bytes.subarray(0, at);
}
