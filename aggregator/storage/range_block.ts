// SPDX-License-Identifier: Apache-2.0
/**
 * Turns the names of a debug file into rows of `debug_ranges`.
 *
 * @module
 */

import type { Rank } from "../../profile/model.ts";
import {
  arrays,
  type Column,
  lowCardinalityArrays,
  numbers,
  stringArrays,
  strings,
  toUint64,
} from "./native.ts";
import { StringDictionary } from "./part.ts";

/** Names that nobody reads to their end; those of agents are cut at the same length. */
const MAX_NAME = 4096;

/** Is code with its names. */
export interface RangeRow {
  readonly start: number;
  readonly end: number;
  readonly rank: Rank;
  readonly frames: readonly {
    readonly function: string;
    readonly file: string;
    readonly line: number;
    readonly startLine: number;
  }[];
}

/** Makes a block of `ranges` of the file with `buildId`. */
export function rangeBlock(buildId: string, ranges: readonly RangeRow[]): Column[] {
  let end = 0;
  const ends = BigUint64Array.from(ranges, ({ frames }) => BigInt(end += frames.length));
  const frames = ranges.flatMap((range) => range.frames);
  const files = new StringDictionary();
  const file = Uint32Array.from(frames, (frame) => files.of(frame.file.slice(0, MAX_NAME)));
  return [
    strings("build_id", ranges.map(() => buildId)),
    numbers("start", "UInt64", toUint64(ranges.map(({ start }) => start))),
    numbers("end", "UInt64", toUint64(ranges.map(({ end }) => end))),
    numbers("rank", "UInt8", Uint8Array.from(ranges, ({ rank }) => rank)),
    stringArrays("functions", ranges.map(({ frames }) => frames.map((f) => f.function.slice(0, MAX_NAME)))),
    lowCardinalityArrays("files", ends, { values: files.all, items: file }),
    arrays("lines", ends, Uint32Array.from(frames, ({ line }) => line)),
    arrays("start_lines", ends, Uint32Array.from(frames, ({ startLine }) => startLine)),
    numbers("day", "Date", new Uint16Array(ranges.length).fill(Math.floor(Date.now() / 86_400_000))),
  ];
}
