// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the code that waited longest for locks, and the code that held them.
 *
 * @module
 */

import { isIdleClass } from "../../profile/idle.ts";
import { isHeldClass, siteFrame } from "../../profile/lock_site.ts";
import type { Frame, Total } from "../../profile/model.ts";
import { MISSING_FRAME } from "./content.ts";
import { hiddenTotal } from "./hidden.ts";
import { addSparse, quantilesOf, type SparseHistogram } from "./histograms.ts";
import { withChains } from "./lock_chains.ts";
import { framesOfStacks, holderCode, holderRows, holderSites, NO_CODE, type Stacks } from "./lock_holders.ts";
import type { Question } from "./question.ts";
import { checkLimit, type SelectionSql, selectionSql } from "./selection.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import type { CommonOptions, Selection } from "./asked.ts";
import type { LockHolder, LocksAnswer, LockSite } from "./wait_answers.ts";

/** So many stacks are looked at, the longest waiting first; the rest is in `other`. */
const MAX_STACKS = 20_000;
/** So many (waiter, holder) pairs of the sites that are shown. */
const MAX_PAIRS = 50_000;

/** A column of the table is not to be taken for the sum of the same name. */
const COLUMNS = "time, node, series, stack, class, type, address, outcome, holder_series, holder_stack, " +
  "locks.count AS waits_of, locks.open AS open_of, delay, locks.max AS max, histogram";

const KEYS = "stack, class, type, address";

const waitersSql = ({ rows, busy, atEnd, series }: SelectionSql) => `
SELECT
    toString(process) AS process_name,
    stack,
    toString(class) AS class_name,
    toString(type) AS type_name,
    toString(address) AS address_name,
    toString(argMax(exe, own_delay)) AS exe,
    toString(argMax(comm, own_delay)) AS comm,
    sum(own_waits) AS waits,
    sum(own_delay) AS delay_ns,
    max(own_max) AS max_ns,
    sum(own_timeouts) AS timeouts,
    sum(own_interrupted) AS interrupted,
    sum(own_open) AS open,
    max(own_oldest) AS oldest_ns,
    sumMap(own_histogram) AS histogram,
    sum(waits) OVER () AS all_waits,
    sum(delay_ns) OVER () AS all_delay
FROM
(
    SELECT
        series,
        ${KEYS},
        sumIf(locks.waits_of, outcome = 'woken') AS own_waits,
        sumIf(locks.delay, outcome IN ('woken', 'open')) AS own_delay,
        maxIf(locks.max, outcome IN ('woken', 'open')) AS own_max,
        sumIf(locks.waits_of, outcome = 'timeout') AS own_timeouts,
        sumIf(locks.waits_of, outcome = 'interrupted') AS own_interrupted,
        -- Equal rows of one bucket may not be merged yet: the most of them is how many were open.
        maxIf(locks.open_of, outcome = 'open' AND ${atEnd}) AS own_open,
        maxIf(locks.max, outcome = 'open' AND ${atEnd}) AS own_oldest,
        sumMapIf(locks.histogram, outcome = 'woken') AS own_histogram
    FROM (${rows("locks", COLUMNS)}) AS locks
    WHERE ${busy.locks}
    GROUP BY series, ${KEYS}, holder_series, holder_stack
) AS sums
LEFT ANY JOIN (SELECT hash AS series, process, exe, comm FROM series WHERE ${series}) AS labels USING series
GROUP BY process, ${KEYS}
ORDER BY delay_ns DESC, waits DESC, timeouts + interrupted DESC, process, ${KEYS}
LIMIT {stacks:UInt32}`;

const holdersSql = ({ rows, busy, series, anySeries }: SelectionSql) => `
SELECT
    toString(process) AS process_name,
    stack,
    toString(class) AS class_name,
    toString(type) AS type_name,
    toString(address) AS address_name,
    toString(holder_process) AS holder_process,
    toString(holder_comm) AS holder_comm,
    holder_stack,
    sum(own_waits) AS waits,
    sum(own_delay) AS delay_ns
FROM
(
    SELECT
        series,
        holder_series,
        ${KEYS},
        holder_stack,
        sumIf(locks.waits_of, outcome = 'woken') AS own_waits,
        sum(locks.delay) AS own_delay
    FROM (${rows("locks", COLUMNS)}) AS locks
    WHERE ${busy.locks} AND outcome IN ('woken', 'open') AND stack IN {waiters:Array(UInt64)}
    GROUP BY series, holder_series, ${KEYS}, holder_stack
) AS sums
LEFT ANY JOIN (SELECT hash AS series, process FROM series WHERE ${series}) AS labels USING series
LEFT ANY JOIN (SELECT hash AS holder_series, process AS holder_process, comm AS holder_comm FROM series WHERE ${anySeries}) AS holders USING holder_series
GROUP BY process, ${KEYS}, holder_process, holder_comm, holder_stack
ORDER BY delay_ns DESC, waits DESC, process, ${KEYS}, holder_process, holder_comm, holder_stack
LIMIT {pairs:UInt32}`;

/** 64-bit numbers are decimal text. */
interface Key {
  readonly process_name: string;
  readonly stack: string;
  readonly class_name: string;
  readonly type_name: string;
  readonly address_name: string;
}
interface WaiterRow extends Key {
  readonly exe: string;
  readonly comm: string;
  readonly waits: string;
  readonly delay_ns: string;
  readonly max_ns: string;
  readonly timeouts: string;
  readonly interrupted: string;
  readonly open: string;
  readonly oldest_ns: string;
  readonly histogram: SparseHistogram;
  readonly all_waits: string;
  readonly all_delay: string;
}
interface HolderRow extends Key {
  readonly holder_process: string;
  readonly holder_comm: string;
  readonly holder_stack: string;
  readonly waits: string;
  readonly delay_ns: string;
}

/** Holds stacks of one site, the one that waited longest first. */
interface SiteStacks {
  readonly frame: Pick<Frame, "function" | "module">;
  readonly stack: readonly Frame[];
  readonly rows: WaiterRow[];
}

/**
 * Asks for the `limit` (function, process, class, type, address) that waited longest in `selection`, whose kind does not
 * matter, each with the functions that it waited for; and for so many functions that held locks. Waits that were not
 * woken are counted, but are no part of the delay.
 *
 * @param options.limit @default {50}
 * @param options.holders how many for each site; the rest is summed @default {5}
 * @throws {RangeError} when the selection or a limit makes no sense
 * @throws {StorageError}
 */
export async function lockSites(
  question: Question,
  selection: Selection,
  { limit = 50, holders = 5 }: CommonOptions & { holders?: number } = {},
): Promise<LocksAnswer> {
  checkLimit(limit);
  checkLimit(holders);
  const selected = selectionSql(selection, { oldest: question.oldest });
  const rows = await question.rows<WaiterRow>(waitersSql(selected), {
    ...selected.params,
    stacks: MAX_STACKS,
  });
  const first = rows[0];
  const total = first ? toTotal(first.all_delay, first.all_waits) : NO_TOTAL;
  const hidden = await hiddenTotal(question, { ...selection, kind: "lock" }, total);
  const held = await holderRows(question, selected);
  // Of all at once, as each asking has its cost.
  const asked = new Set([...rows, ...held.delays, ...held.holds].map(({ stack }) => stack));
  const stacks = await framesOfStacks(question, [...asked]);
  const byHolder = holderSites(held, stacks, limit);
  if (!first) {
    return { sites: [], holders: byHolder, total, other: NO_TOTAL, hidden, cost: question.cost };
  }
  const groups = bySite(rows, stacks).slice(0, limit);
  const shown = groups.flatMap((group) => group.rows);
  const pairs = await question.rows<HolderRow>(holdersSql(selected), {
    ...selected.params,
    waiters: `[${[...new Set(shown.map(({ stack }) => stack))].join()}]`,
    pairs: MAX_PAIRS,
  });
  const all = await framesOfStacks(question, pairs.map((pair) => pair.holder_stack), stacks);
  const byKey = Map.groupBy(pairs, keyOf);
  const sites = groups.map((group) => {
    const own = group.rows.flatMap((row) => byKey.get(keyOf(row)) ?? []);
    return siteOf(group, holdersOf(own, all), holders);
  });
  const stacksOf = (group: SiteStacks) =>
    group.rows.map(({ process_name: process, stack, delay_ns, waits }) => {
      return { process, stack, total: toTotal(delay_ns, waits) };
    });
  return {
    sites: withChains(sites, groups.map(stacksOf), stacks),
    holders: byHolder,
    total,
    other: rest(
      [first.all_delay, first.all_waits],
      shown.map(({ delay_ns, waits }) => [delay_ns, waits]),
    ),
    hidden,
    cost: question.cost,
  };
}

function keyOf({ process_name, stack, class_name, type_name, address_name }: Key): string {
  return [process_name, stack, class_name, type_name, address_name].join("\0");
}

/** Groups by what waited; the groups that waited longest come first, as rows do. */
function bySite(rows: readonly WaiterRow[], content: Stacks): SiteStacks[] {
  const groups = new Map<string, SiteStacks>();
  for (const row of rows) {
    const stack = content.get(row.stack) ?? [];
    const frame = siteFrame(stack, row.type_name) ?? MISSING_FRAME;
    const key = keyOf({ ...row, stack: `${frame.function}\0${frame.module}` });
    const group = groups.get(key);
    if (group) group.rows.push(row);
    else groups.set(key, { frame, stack, rows: [row] });
  }
  const delay = (group: SiteStacks) => group.rows.reduce((sum, row) => sum + Number(row.delay_ns), 0);
  return [...groups.values()].sort((a, b) => delay(b) - delay(a));
}

function holdersOf(pairs: readonly HolderRow[], content: Stacks): LockHolder[] {
  const holders = new Map<string, LockHolder>();
  for (const { holder_process, holder_comm, holder_stack, type_name, delay_ns, waits } of pairs) {
    const code = holderCode(content, holder_stack, type_name);
    const thread = code ? "" : holder_comm;
    const own = code ?? NO_CODE;
    const key = [own.function, own.module, holder_process, thread].join("\0");
    const { value, count } = holders.get(key)?.total ?? NO_TOTAL;
    const more = toTotal(delay_ns, waits);
    const total = { value: value + more.value, count: count + more.count };
    holders.set(key, { ...own, process: holder_process, thread, total, waits: [] });
  }
  return [...holders.values()].sort((a, b) => b.total.value - a.total.value || b.total.count - a.total.count);
}

function siteOf({ frame, stack, rows }: SiteStacks, holders: readonly LockHolder[], limit: number): LockSite {
  const sum = (of: "waits" | "delay_ns" | "timeouts" | "interrupted" | "open") =>
    rows.reduce((total, row) => total + Number(row[of]), 0);
  const most = (of: "max_ns" | "oldest_ns") => Math.max(...rows.map((row) => Number(row[of])));
  const total: Total = { value: sum("delay_ns"), count: sum("waits") };
  const shown = holders.slice(0, limit);
  const histogram: number[] = [];
  for (const row of rows) addSparse(histogram, row.histogram);
  const { process_name, exe, comm, class_name, type_name, address_name } = rows[0]!;
  const max = most("max_ns");
  return {
    function: frame.function,
    module: frame.module,
    ...{ process: process_name, exe, comm, class: class_name, type: type_name, address: address_name },
    idle: isIdleClass(class_name),
    held: isHeldClass(class_name, type_name),
    stack: stack.map((each) => each.function),
    ...{ total, max, histogram, ...quantilesOf(histogram, { max }) },
    open: sum("open"),
    oldest: most("oldest_ns"),
    timeouts: sum("timeouts"),
    interrupted: sum("interrupted"),
    holders: shown,
    otherHolders: {
      value: shown.reduce((left, holder) => left - holder.total.value, total.value),
      count: shown.reduce((left, holder) => left - holder.total.count, total.count),
    },
  };
}
