// SPDX-License-Identifier: Apache-2.0
/**
 * Fetches stacks with all of their frames, by their hashes, which are decimal text: JSON numbers cannot hold them.
 *
 * @module
 */

import type { Frame, Rank } from "../../profile/model.ts";
import { byKey, functionNames, MISSING } from "./names.ts";
import type { Question } from "./question.ts";

/** Merges drop repeated rows in their own time. */
const STACKS = `
SELECT hash, any(stacks.locations) AS locations
FROM stacks WHERE hash IN {keys:Array(UInt64)} GROUP BY hash`;

/** Selects each location with the best of its names; stacks are several times fewer than what they are made of. */
const LOCATIONS = `
SELECT hash, module, build_id, address, rank, functions, files, lines, start_lines
FROM
(
    SELECT hash, any(toString(locations.module)) AS module, any(toString(locations.build_id)) AS build_id,
        any(locations.address) AS address
    FROM locations
    WHERE hash IN (SELECT arrayJoin(locations) FROM stacks WHERE hash IN {keys:Array(UInt64)})
    GROUP BY hash
) AS places
LEFT ANY JOIN
(
    SELECT location AS hash, max(symbols.rank) AS rank, argMax(symbols.functions, (symbols.rank, day)) AS functions,
        argMax(symbols.files, (symbols.rank, day)) AS files, argMax(symbols.lines, (symbols.rank, day)) AS lines,
        argMax(symbols.start_lines, (symbols.rank, day)) AS start_lines
    FROM symbols
    WHERE location IN (SELECT arrayJoin(locations) FROM stacks WHERE hash IN {keys:Array(UInt64)})
    GROUP BY location
) AS names
USING hash`;

interface LocationRow {
  readonly hash: string;
  readonly module: string;
  readonly build_id: string;
  readonly address: string;
  readonly rank: number;
  readonly functions: readonly string[];
  readonly files: readonly string[];
  readonly lines: readonly number[];
  readonly start_lines: readonly number[];
}

/** Stands for a frame that storage does not have. */
export const MISSING_FRAME: Frame = {
  function: MISSING.name,
  module: MISSING.module,
  file: "",
  line: 0,
  buildId: "",
  address: 0,
};

/** Holds what hashes of stacks stand for. */
export interface Content {
  /** Holds hashes of locations, leaf first, by the stack's hash. */
  readonly stacks: ReadonlyMap<string, readonly string[]>;
  /** Holds the frames of a location, the innermost first. */
  readonly locations: ReadonlyMap<string, readonly Frame[]>;
}

/** Fetches the stacks of `hashes`, and the frames that they are made of. */
export async function fetchContent(question: Question, hashes: Iterable<string>): Promise<Content> {
  const wanted = [...new Set(hashes)];
  const stacks = await byKey<{ hash: string; locations: string[] }>(question, STACKS, wanted);
  const rows = await byKey<LocationRow>(question, LOCATIONS, wanted);
  const names = await functionNames(question, rows.flatMap((row) => row.functions));
  const locations = new Map(rows.map(({ hash, ...row }) => {
    const frames = row.functions.map((key, i): Frame => {
      const { name, module } = names.get(key) ?? MISSING;
      return {
        ...{ function: name, module, file: row.files[i]!, line: row.lines[i]! },
        ...{ buildId: row.build_id, address: Number(row.address), startLine: row.start_lines[i]! },
        ...{ inlined: i < row.functions.length - 1, rank: row.rank as Rank },
      };
    });
    return [hash, frames.length > 0 ? frames : [MISSING_FRAME]];
  }));
  return { stacks: new Map(stacks.map(({ hash, locations }) => [hash, locations])), locations };
}

/** Returns the frames of a stack, leaf first. */
export function framesOf({ stacks, locations }: Content, stack: string): readonly Frame[] {
  return (stacks.get(stack) ?? []).flatMap((location) => locations.get(location) ?? [MISSING_FRAME]);
}
