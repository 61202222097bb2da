/**
 * A part of a profile's samples, with what they refer to and no more.
 *
 * @module
 */

import type { Profile } from "./model.ts";

/** Samples `from` to `to - 1` of `profile`, in tables of their own. */
export function sliceProfile(profile: Profile, from: number, to: number): Profile {
  const { samples, series, stacks, frames } = profile;
  const seriesRows = new Rows();
  const stackRows = new Rows();
  const frameRows = new Rows();
  const strings = new Rows();
  // Row 0 of the string table is "", used or not.
  strings.take(0);

  const seriesOf = samples.series.slice(from, to).map((row) => seriesRows.take(row));
  const stackOf = samples.stack.slice(from, to).map((row) => stackRows.take(row));
  const frameOf: number[] = [];
  const offset = [0];
  for (const stack of stackRows.taken) {
    for (let f = stacks.offset[stack]!; f < stacks.offset[stack + 1]!; f++) {
      frameOf.push(frameRows.take(stacks.frame[f]!));
    }
    offset.push(frameOf.length);
  }
  const texts = (column: Uint32Array, rows: Rows) => {
    return Uint32Array.from(rows.taken, (row) => strings.take(column[row]!));
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
    },
    stacks: { offset: Uint32Array.from(offset), frame: Uint32Array.from(frameOf) },
    series: {
      pid: numbers(series.pid, seriesRows),
      comm: texts(series.comm, seriesRows),
      exe: texts(series.exe, seriesRows),
      container: texts(series.container, seriesRows),
      pod: texts(series.pod, seriesRows),
      namespace: texts(series.namespace, seriesRows),
      service: texts(series.service, seriesRows),
    },
    samples: {
      kind: samples.kind.slice(from, to),
      series: seriesOf,
      stack: stackOf,
      value: samples.value.slice(from, to),
      count: samples.count.slice(from, to),
    },
  };
  return { strings: strings.taken.map((row) => profile.strings[row]!), ...part };
}

/** Rows of a table that are taken over, numbered anew in the order in which they are. */
class Rows {
  readonly taken: number[] = [];
  readonly #number = new Map<number, number>();

  take(row: number): number {
    let number = this.#number.get(row);
    if (number === undefined) this.#number.set(row, number = this.taken.push(row) - 1);
    return number;
  }
}
