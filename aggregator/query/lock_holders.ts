// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the code that held locks for which others waited: how long it did, and how long that kept others waiting.
 *
 * @module
 */

import { isHeldClass, siteFrame } from "../../profile/lock_site.ts";
import type { Frame } from "../../profile/model.ts";
import { fetchContent, framesOf, MISSING_FRAME } from "./content.ts";
import { addSparse, quantilesOf, type SparseHistogram } from "./histograms.ts";
import type { Question } from "./question.ts";
import type { SelectionSql } from "./selection.ts";
import type { HolderSite } from "./wait_answers.ts";

/** So many stacks are looked at, those that were waited for longest, and those that held longest. */
const MAX_STACKS = 20_000;

const delaysSql = ({ rows, busy, anySeries }: SelectionSql) => `
SELECT
    toString(process) AS process_name,
    holder_stack AS stack,
    toString(class) AS class_name,
    toString(type) AS type_name,
    sum(own_delay) AS ns,
    sum(own_waits) AS times
FROM
(
    SELECT
        holder_series AS series,
        holder_stack,
        class,
        type,
        sum(locks.delay) AS own_delay,
        sumIf(locks.waits_of, outcome = 'woken') AS own_waits
    FROM (${
  rows("locks", "holder_series, holder_stack, class, type, outcome, locks.count AS waits_of, delay")
}) AS locks
    WHERE ${busy.locks} AND outcome IN ('woken', 'open') AND holder_series != 0
    GROUP BY holder_series, holder_stack, class, type
) AS sums
LEFT ANY JOIN (SELECT hash AS series, process FROM series WHERE ${anySeries}) AS labels USING series
GROUP BY process, stack, class, type
ORDER BY ns DESC, times DESC, process, stack, class, type
LIMIT {stacks:UInt32}`;

const holdsSql = ({ rows, busy, series }: SelectionSql) => `
SELECT
    toString(process) AS process_name,
    stack,
    toString(class) AS class_name,
    'futex' AS type_name,
    sum(own_total) AS ns,
    sum(own_count) AS times,
    max(own_max) AS max_ns,
    sumMap(own_histogram) AS histogram
FROM
(
    SELECT
        series,
        stack,
        class,
        sum(holds.total) AS own_total,
        sum(holds.times) AS own_count,
        max(holds.max) AS own_max,
        sumMap(holds.histogram) AS own_histogram
    FROM (${
  rows("holds", "series, stack, class, holds.count AS times, total, holds.max AS max, histogram")
}) AS holds
    WHERE ${busy.locks}
    GROUP BY series, stack, class
) AS sums
LEFT ANY JOIN (SELECT hash AS series, process FROM series WHERE ${series}) AS labels USING series
GROUP BY process, stack, class
ORDER BY ns DESC, times DESC, process, stack, class
LIMIT {stacks:UInt32}`;

/** 64-bit numbers are decimal text. */
interface Row {
  readonly process_name: string;
  readonly stack: string;
  readonly class_name: string;
  readonly type_name: string;
  readonly ns: string;
  readonly times: string;
}
interface HoldsRow extends Row {
  readonly max_ns: string;
  readonly histogram: SparseHistogram;
}

/** Holds the frames of stacks by their hash, leaf first. */
export type Stacks = ReadonlyMap<string, readonly Frame[]>;

/** Is the hash of a holder that was not seen. */
const NOBODY = "0";

/** Fetches the frames of each stack that is not in `known`, and returns all. */
export async function framesOfStacks(
  question: Question,
  hashes: readonly string[],
  known: Stacks = new Map(),
): Promise<Stacks> {
  const content = await fetchContent(
    question,
    hashes.filter((hash) => hash !== NOBODY && !known.has(hash)),
  );
  return new Map([
    ...known,
    ...content.stacks.keys().map((hash) => [hash, framesOf(content, hash)] as const),
  ]);
}

/** Is a function, as people see it. */
export type Code = Pick<Frame, "function" | "module">;

/** Stands where it was not seen who it was, or there is no code of it. */
export const NO_CODE: Code = { function: "", module: "" };

/** Returns the code that a holder's stack stands for; `undefined` of nobody, and of an empty stack. */
export function holderCode(stacks: Stacks, hash: string, type: string): Code | undefined {
  if (hash === NOBODY) return undefined;
  const frames = stacks.get(hash);
  const frame = frames ? siteFrame(frames, type) : MISSING_FRAME;
  return frame && { function: frame.function, module: frame.module };
}

/** Holds what stacks of holders were waited for, and for how long they held. */
export interface HolderRows {
  readonly delays: readonly Row[];
  readonly holds: readonly HoldsRow[];
}

/** Asks for the stacks of the selection that held locks. @throws {StorageError} */
export async function holderRows(question: Question, selected: SelectionSql): Promise<HolderRows> {
  const params = { ...selected.params, stacks: MAX_STACKS };
  const delays = await question.rows<Row>(delaysSql(selected), params);
  return {
    delays: delays.filter((row) => isHeldClass(row.class_name, row.type_name)),
    holds: await question.rows<HoldsRow>(holdsSql(selected), params),
  };
}

/**
 * Returns the `limit` (function, process, class) that others waited longest for, with how long they held locks. Who only
 * wakes those who wait for what is to come is not among them.
 *
 * @param stacks has those of the rows
 */
export function holderSites({ delays, holds }: HolderRows, stacks: Stacks, limit: number): HolderSite[] {
  const sites = new Map<string, Sums>();
  const sumsOf = ({ stack, process_name, class_name, type_name }: Row): Sums => {
    const code = holderCode(stacks, stack, type_name) ?? NO_CODE;
    const key = [code.function, code.module, process_name, class_name].join("\0");
    let sums = sites.get(key);
    if (!sums) {
      const none = { delay: 0, ended: 0, total: 0, count: 0, max: 0, histogram: [] };
      sites.set(key, sums = { ...code, process: process_name, class: class_name, ...none });
    }
    return sums;
  };
  for (const row of delays) {
    const sums = sumsOf(row);
    sums.delay += Number(row.ns);
    sums.ended += Number(row.times);
  }
  for (const row of holds) {
    const sums = sumsOf(row);
    sums.total += Number(row.ns);
    sums.count += Number(row.times);
    sums.max = Math.max(sums.max, Number(row.max_ns));
    addSparse(sums.histogram, row.histogram);
  }
  return [...sites.values()].sort((a, b) => b.delay - a.delay || b.total - a.total).slice(0, limit).map(
    ({ delay, ended, total, count, max, histogram, ...site }) => ({
      ...site,
      delay: { value: delay, count: ended },
      held: { value: total, count },
      ...{ max, histogram, ...quantilesOf(histogram, { max }) },
    }),
  );
}

interface Sums {
  readonly function: string;
  readonly module: string;
  readonly process: string;
  readonly class: string;
  delay: number;
  ended: number;
  total: number;
  count: number;
  max: number;
  readonly histogram: number[];
}
