// SPDX-License-Identifier: Apache-2.0
/**
 * Takes a part of a profile's rows, with what they refer to and no more.
 *
 * @module
 */

import { offsets } from "./histogram.ts";
import type { HoldColumns, LockColumns, Profile, SlowCallColumns, SyscallColumns } from "./model.ts";

/**
 * Returns rows `from` to `to - 1` of `profile`, in tables of their own. Rows are counted through: the samples, the
 * locks after them, then the holds, the system calls and the slow ones; `rowCount` is how many there are.
 */
export function sliceProfile(profile: Profile, from: number, to: number): Profile {
  const { samples, series, stacks, frames, locks, holds, syscalls, slowCalls } = profile;
  const taken: Taken = { strings: new Rows(), series: new Rows(), stacks: new Rows() };
  const frameRows = new Rows();
  // Row 0 of the string table is "", used or not.
  taken.strings.take(0);

  const lockStart = samples.kind.length;
  const holdStart = lockStart + locks.outcome.length;
  const callStart = holdStart + holds.class.length;
  const slowStart = callStart + syscalls.call.length;
  const range = (start: number) => [Math.max(0, from - start), Math.max(0, to - start)] as const;
  const seriesOf = samples.series.slice(...range(0)).map((row) => taken.series.take(row));
  const stackOf = samples.stack.slice(...range(0)).map((row) => taken.stacks.take(row));
  const lockPart = sliceLocks(locks, range(lockStart), taken);
  const holdPart = sliceHolds(holds, range(holdStart), taken);
  const syscallPart = sliceSyscalls(syscalls, range(callStart), taken);
  const slowPart = sliceSlowCalls(slowCalls, range(slowStart), taken);
  const frameOf: number[] = [];
  const offset = [0];
  for (const stack of taken.stacks.taken) {
    for (let f = stacks.offset[stack]!; f < stacks.offset[stack + 1]!; f++) {
      frameOf.push(frameRows.take(stacks.frame[f]!));
    }
    offset.push(frameOf.length);
  }
  const texts = (column: Uint32Array, rows: Rows) => {
    return Uint32Array.from(rows.taken, (row) => taken.strings.take(column[row]!));
  };
  const numbers = (column: Uint32Array, rows: Rows) => Uint32Array.from(rows.taken, (row) => column[row]!);
  const part: Omit<Profile, "strings"> = {
    frames: {
      function: texts(frames.function, frameRows),
      module: texts(frames.module, frameRows),
      file: texts(frames.file, frameRows),
      line: numbers(frames.line, frameRows),
      buildId: texts(frames.buildId, frameRows),
      address: Float64Array.from(frameRows.taken, (row) => frames.address[row]!),
      startLine: numbers(frames.startLine, frameRows),
      inlined: numbers(frames.inlined, frameRows),
      rank: numbers(frames.rank, frameRows),
    },
    stacks: { offset: Uint32Array.from(offset), frame: Uint32Array.from(frameOf) },
    series: {
      pid: numbers(series.pid, taken.series),
      comm: texts(series.comm, taken.series),
      exe: texts(series.exe, taken.series),
      container: texts(series.container, taken.series),
      pod: texts(series.pod, taken.series),
      namespace: texts(series.namespace, taken.series),
      service: texts(series.service, taken.series),
      labels: texts(series.labels, taken.series),
      process: texts(series.process, taken.series),
    },
    samples: {
      kind: samples.kind.slice(...range(0)),
      series: seriesOf,
      stack: stackOf,
      value: samples.value.slice(...range(0)),
      count: samples.count.slice(...range(0)),
    },
    locks: lockPart,
    holds: holdPart,
    syscalls: syscallPart,
    slowCalls: slowPart,
  };
  return { strings: taken.strings.taken.map((row) => profile.strings[row]!), ...part };
}

interface Taken {
  readonly strings: Rows;
  readonly series: Rows;
  readonly stacks: Rows;
}

type Range = readonly [from: number, to: number];

function sliceLocks(locks: LockColumns, range: Range, { strings, series, stacks }: Taken): LockColumns {
  // 0 is nobody, and of no table.
  const holder = (rows: Rows) => (row: number) => row === 0 ? 0 : rows.take(row - 1) + 1;
  return {
    outcome: locks.outcome.slice(...range),
    series: locks.series.slice(...range).map((row) => series.take(row)),
    stack: locks.stack.slice(...range).map((row) => stacks.take(row)),
    class: locks.class.slice(...range).map((row) => strings.take(row)),
    type: locks.type.slice(...range).map((row) => strings.take(row)),
    address: locks.address.slice(...range).map((row) => strings.take(row)),
    holderSeries: locks.holderSeries.slice(...range).map(holder(series)),
    holderStack: locks.holderStack.slice(...range).map(holder(stacks)),
    count: locks.count.slice(...range),
    delay: locks.delay.slice(...range),
    max: locks.max.slice(...range),
    ...sliceHistograms(locks, range),
  };
}

function sliceHolds(holds: HoldColumns, range: Range, { strings, series, stacks }: Taken): HoldColumns {
  return {
    series: holds.series.slice(...range).map((row) => series.take(row)),
    stack: holds.stack.slice(...range).map((row) => stacks.take(row)),
    class: holds.class.slice(...range).map((row) => strings.take(row)),
    count: holds.count.slice(...range),
    total: holds.total.slice(...range),
    max: holds.max.slice(...range),
    ...sliceHistograms(holds, range),
  };
}

function sliceHistograms(
  table: { readonly histogramOffset: Uint32Array; readonly histogram: Float64Array },
  [from, to]: Range,
): { histogramOffset: Uint32Array; histogram: Float64Array } {
  const last = table.histogramOffset.length - 1;
  const [begin, end] = [Math.min(from, last), Math.min(Math.max(from, to), last)];
  const part = table.histogramOffset.slice(begin, end + 1);
  return {
    histogramOffset: part.map((offset) => offset - part[0]!),
    histogram: table.histogram.slice(part[0], part.at(-1)),
  };
}

function sliceSyscalls(syscalls: SyscallColumns, range: Range, { strings, series }: Taken): SyscallColumns {
  const { errorOffset } = syscalls;
  const rows = Array.from(syscalls.call.keys()).slice(...range);
  const items = (column: Uint32Array) =>
    [column[rows[0] ?? 0]!, column[rows.length > 0 ? rows.at(-1)! + 1 : 0]!] as const;
  const lengths = (column: Uint32Array) => offsets(rows.map((row) => column[row + 1]! - column[row]!));
  return {
    series: syscalls.series.slice(...range).map((row) => series.take(row)),
    call: syscalls.call.slice(...range).map((row) => strings.take(row)),
    category: syscalls.category.slice(...range).map((row) => strings.take(row)),
    count: syscalls.count.slice(...range),
    total: syscalls.total.slice(...range),
    min: syscalls.min.slice(...range),
    max: syscalls.max.slice(...range),
    errorOffset: lengths(errorOffset),
    errno: syscalls.errno.slice(...items(errorOffset)),
    errorCount: syscalls.errorCount.slice(...items(errorOffset)),
    ...sliceHistograms(syscalls, range),
    open: syscalls.open.slice(...range),
    oldest: syscalls.oldest.slice(...range),
  };
}

function sliceSlowCalls(slow: SlowCallColumns, range: Range, { strings, series }: Taken): SlowCallColumns {
  const texts = (column: Uint32Array) => column.slice(...range).map((row) => strings.take(row));
  return {
    series: slow.series.slice(...range).map((row) => series.take(row)),
    call: texts(slow.call),
    category: texts(slow.category),
    object: texts(slow.object),
    count: slow.count.slice(...range),
    total: slow.total.slice(...range),
    onCpu: slow.onCpu.slice(...range),
    inLock: slow.inLock.slice(...range),
    max: slow.max.slice(...range),
  };
}

/** Holds rows of a table that are taken over, numbered anew in the order in which they are. */
class Rows {
  readonly taken: number[] = [];
  readonly #number = new Map<number, number>();

  take(row: number): number {
    let number = this.#number.get(row);
    if (number === undefined) this.#number.set(row, number = this.taken.push(row) - 1);
    return number;
  }
}
