// SPDX-License-Identifier: Apache-2.0
/**
 * Checks what a batch must be before it is kept: whoever reads a {@linkcode Batch} need not check an index again.
 *
 * @module
 */

import {
  type Batch,
  type HoldColumns,
  KIND_NUMBER,
  kindOf,
  type LockColumns,
  outcomeOf,
  RANK,
  type SlowCallColumns,
  type SyscallColumns,
} from "../model.ts";
import type { WireBatch } from "./wire_batch.ts";
import { expandedSize } from "../expanded.ts";
import { BATCH_LIMITS, type BatchLimits } from "./batch_limits.ts";
import {
  checkIndexes,
  checkIntegers,
  checkLengths,
  checkSum,
  countsByName,
  malformed,
  offsetsOf,
} from "./check_columns.ts";
import { isProfileType } from "../profile_type.ts";

/** Is 2000-01-01: an earlier time is seconds or milliseconds where nanoseconds should be, or a dead clock. */
const EARLIEST_NS = 946_684_800_000_000_000n;
/** A number of nanoseconds may lie between so many powers of two. */
const BUCKETS = 64;
/** The kernel keeps up to this for errors among the values that a call returns. */
const MAX_ERRNO = 4095;

/** Is 2200-01-01, in what ClickHouse's DateTime64(9) can hold. */
const LATEST_NS = 7_258_118_400_000_000_000n;

/** Returns whether a batch may begin or end at `ns`, Unix nanoseconds. */
export function isBatchTime(ns: bigint): boolean {
  return ns >= EARLIEST_NS && ns <= LATEST_NS;
}

/** Is a sound batch, and its {@linkcode expandedSize}. */
export interface ValidBatch {
  readonly batch: Batch;
  readonly expanded: number;
}

/**
 * Checks `wire` and makes it a batch; columns are shared, not copied.
 *
 * @throws {MalformedBatchError} naming the first column that is not sound
 */
export function validateBatch(wire: WireBatch | undefined, limits: BatchLimits = {}): ValidBatch {
  if (!wire) throw malformed("it is empty");
  const max = { ...BATCH_LIMITS, ...limits };
  checkIdentity(wire, max);
  checkStrings(wire.strings, max);
  const { stackEnds, foreign, agentCpuNs, agentMemoryBytes, ...rest } = wire;
  const { frames, stacks, series, samples, losses } = rest;
  checkLengths("frames", frames, max.frames);
  checkLengths("series", series, max.series);
  checkLengths("samples", samples, max.samples);
  checkLengths("losses", losses, max.losses);
  checkLengths("stackEnds", stackEnds, max.losses);

  const strings = wire.strings.length;
  const { line: _line, startLine: _startLine, address, inlined, rank, ...frameStrings } = frames;
  checkIndexes("frames", frameStrings, strings, "string");
  checkIndexes("frames", { inlined }, 2, "inlined");
  checkIndexes("frames", { rank }, RANK.debug + 1, "rank");
  checkIntegers("frames.address", address);
  const { pid: _pid, ...seriesStrings } = series;
  checkIndexes("series", seriesStrings, strings, "string");
  if (stacks.depth.length > max.stacks) {
    throw malformed(`it has more than ${max.stacks} stacks: ${stacks.depth.length}`);
  }
  const offset = offsetsOf("stacks", { depth: stacks.depth, frame: stacks.frame }, max.depth);
  checkIndexes("stacks", { frame: stacks.frame }, frames.line.length, "frame");
  checkIndexes("samples", { series: samples.series }, series.pid.length, "series");
  checkIndexes("samples", { stack: samples.stack }, stacks.depth.length, "stack");
  checkKinds(samples.kind);
  checkSum("samples.value", samples.value);
  checkSum("samples.count", samples.count);
  checkIndexes("losses", { reason: losses.reason }, strings, "string");
  checkSum("losses.count", losses.count);
  checkIndexes("stackEnds", { end: stackEnds.end }, strings, "string");
  checkSum("stackEnds.count", stackEnds.count);
  checkIntegers("agentCpuNs", Float64Array.of(agentCpuNs));
  checkIntegers("agentMemoryBytes", Float64Array.of(agentMemoryBytes));
  const locks = checkLocks(wire, max);
  const holds = checkHolds(wire, max);
  const syscalls = checkSyscalls(wire, max);
  checkForeign(wire, max);
  const slowCalls = checkSlowCalls(wire, max);
  const tables = {
    ...rest,
    ...{ stacks: { offset, frame: stacks.frame }, locks, holds, syscalls, slowCalls },
    ...foreign.type.length > 0 && { foreign },
  };
  const expanded = expandedSize(tables);
  if (expanded > max.expandedBytes) {
    throw malformed(`it is larger than ${max.expandedBytes} bytes when it is written out: ${expanded}`);
  }
  const batch = {
    ...tables,
    losses: countsByName(wire.strings, losses.reason, losses.count),
    ...stackEnds.end.length > 0 && { stackEnds: countsByName(wire.strings, stackEnds.end, stackEnds.count) },
    ...(agentCpuNs > 0 || agentMemoryBytes > 0) &&
      { usage: { cpuNs: agentCpuNs, memoryBytes: agentMemoryBytes } },
  };
  return { batch, expanded };
}

function checkLocks(wire: WireBatch, max: Required<BatchLimits>): LockColumns {
  const { strings, series, stacks } = wire;
  const { histogram, buckets, ...locks } = wire.locks;
  checkLengths("locks", { ...locks, buckets }, max.locks);
  const { outcome, holderSeries, holderStack } = locks;
  checkIndexes(
    "locks",
    { class: locks.class, type: locks.type, address: locks.address },
    strings.length,
    "string",
  );
  checkIndexes("locks", { series: locks.series }, series.pid.length, "series");
  checkIndexes("locks", { stack: locks.stack }, stacks.depth.length, "stack");
  // 0 is nobody, and one more than the row is somebody.
  checkIndexes("locks", { holderSeries }, series.pid.length + 1, "series");
  checkIndexes("locks", { holderStack }, stacks.depth.length + 1, "stack");
  for (let i = 0; i < outcome.length; i++) {
    if (outcomeOf(outcome[i]!) === undefined) {
      throw malformed(`locks.outcome[${i}] is not known: ${outcome[i]}`);
    }
    if ((holderSeries[i] === 0) !== (holderStack[i] === 0)) {
      throw malformed(`locks.holderSeries[${i}] and locks.holderStack[${i}] are not of one holder`);
    }
  }
  checkSum("locks.count", locks.count);
  checkSum("locks.delay", locks.delay);
  checkIntegers("locks.max", locks.max);
  return { ...locks, ...checkHistograms("locks", buckets, histogram) };
}

function checkHolds(wire: WireBatch, max: Required<BatchLimits>): HoldColumns {
  const { histogram, buckets, ...holds } = wire.holds;
  checkLengths("holds", { ...holds, buckets }, max.holds);
  checkIndexes("holds", { class: holds.class }, wire.strings.length, "string");
  checkIndexes("holds", { series: holds.series }, wire.series.pid.length, "series");
  checkIndexes("holds", { stack: holds.stack }, wire.stacks.depth.length, "stack");
  checkSum("holds.count", holds.count);
  checkSum("holds.total", holds.total);
  checkIntegers("holds.max", holds.max);
  return { ...holds, ...checkHistograms("holds", buckets, histogram) };
}

function checkForeign({ foreign, strings, series, stacks }: WireBatch, max: Required<BatchLimits>): void {
  checkLengths("foreign", foreign, max.foreign);
  checkIndexes("foreign", { type: foreign.type }, strings.length, "string");
  checkIndexes("foreign", { series: foreign.series }, series.pid.length, "series");
  checkIndexes("foreign", { stack: foreign.stack }, stacks.depth.length, "stack");
  for (const row of new Set(foreign.type)) {
    if (!isProfileType(strings[row]!)) {
      throw malformed(`foreign.type has what names no type of profile: "${strings[row]!.slice(0, 100)}"`);
    }
  }
  // Bytes of heaps add up to more than nanoseconds do: each value is exact, and storage sums in 64 bits.
  checkIntegers("foreign.value", foreign.value);
  checkSum("foreign.count", foreign.count);
}

function checkHistograms(table: string, buckets: Uint32Array, histogram: Float64Array) {
  const histogramOffset = offsetsOf(table, { buckets, histogram }, BUCKETS);
  checkSum(`${table}.histogram`, histogram);
  return { histogramOffset, histogram };
}

function checkSyscalls(wire: WireBatch, max: Required<BatchLimits>): SyscallColumns {
  const { errno, errorCount, histogram, errors, buckets, ...rows } = wire.syscalls;
  checkLengths("syscalls", { ...rows, errors, buckets }, max.syscalls);
  checkIndexes("syscalls", { call: rows.call, category: rows.category }, wire.strings.length, "string");
  checkIndexes("syscalls", { series: rows.series }, wire.series.pid.length, "series");
  checkSum("syscalls.count", rows.count);
  checkSum("syscalls.total", rows.total);
  checkIntegers("syscalls.min", rows.min);
  checkIntegers("syscalls.max", rows.max);
  const errorOffset = offsetsOf("syscalls", { errors, errno }, max.errors);
  checkLengths("errors", { errno, errorCount }, Infinity);
  checkIndexes("syscalls", { errno }, MAX_ERRNO + 1, "errno");
  checkSum("syscalls.errorCount", errorCount);
  checkSum("syscalls.open", rows.open);
  checkIntegers("syscalls.oldest", rows.oldest);
  return { ...rows, errorOffset, errno, errorCount, ...checkHistograms("syscalls", buckets, histogram) };
}

function checkSlowCalls(
  { slowCalls, strings, series }: WireBatch,
  max: Required<BatchLimits>,
): SlowCallColumns {
  checkLengths("slowCalls", slowCalls, max.slowCalls);
  const { call, category, object, total, onCpu, inLock } = slowCalls;
  checkIndexes("slowCalls", { call, category, object }, strings.length, "string");
  checkIndexes("slowCalls", { series: slowCalls.series }, series.pid.length, "series");
  checkSum("slowCalls.count", slowCalls.count);
  checkSum("slowCalls.total", total);
  checkIntegers("slowCalls.max", slowCalls.max);
  for (let i = 0; i < total.length; i++) {
    // The rest of the time is what the thread was blocked.
    if (onCpu[i]! + inLock[i]! > total[i]!) {
      throw malformed(
        `slowCalls.onCpu[${i}] and slowCalls.inLock[${i}] are more than its total: ${onCpu[i]}, ${inLock[i]}`,
      );
    }
  }
  return slowCalls;
}

function checkIdentity(wire: WireBatch, max: Required<BatchLimits>): void {
  for (const name of ["agentId", "node", "agentVersion"] as const) {
    const text = wire[name];
    if (text === "" && name !== "agentVersion") throw malformed(`${name} is empty`);
    if (text.length > max.nameLength) {
      throw malformed(`${name} is longer than ${max.nameLength} characters: ${text.length}`);
    }
  }
  if (!(wire.sequence >= 1 && wire.sequence <= Number.MAX_SAFE_INTEGER)) {
    throw malformed(`sequence is not from 1 to 2^53 - 1: ${wire.sequence}`);
  }
  for (const name of ["epoch", "startNs", "endNs"] as const) {
    if (!isBatchTime(wire[name])) {
      throw malformed(`${name} is not a time in Unix nanoseconds: ${wire[name]}`);
    }
  }
  if (wire.startNs >= wire.endNs) {
    throw malformed(`startNs is not before endNs: ${wire.startNs} and ${wire.endNs}`);
  }
  if (wire.endNs - wire.startNs > BigInt(max.windowMs) * 1_000_000n) {
    throw malformed(`its window is longer than ${max.windowMs} ms: ${wire.endNs - wire.startNs} ns`);
  }
}

function checkStrings(strings: readonly string[], max: Required<BatchLimits>): void {
  if (strings[0] !== "") throw malformed(`strings[0] is not ""`);
  if (strings.length > max.strings) {
    throw malformed(`it has more than ${max.strings} strings: ${strings.length}`);
  }
  for (let i = 0; i < strings.length; i++) {
    const { length } = strings[i]!;
    if (length > max.stringLength) {
      throw malformed(`strings[${i}] is longer than ${max.stringLength} characters: ${length}`);
    }
  }
}

function checkKinds(kind: Uint8Array): void {
  for (let i = 0; i < kind.length; i++) {
    if (kindOf(kind[i]!) === undefined) throw malformed(`samples.kind[${i}] is not known: ${kind[i]}`);
    if (kind[i] === KIND_NUMBER.lock) {
      throw malformed(`samples.kind[${i}] is lock, whose waits belong in locks`);
    }
  }
}
