// SPDX-License-Identifier: Apache-2.0
/**
 * Answers the code that waited longest for locks, and the code that held them.
 *
 * @module
 */

import type { Frame, Total } from "../../profile/model.ts";
import { fetchContent, framesOf, MISSING_FRAME } from "./content.ts";
import { siteFrame } from "../../profile/lock_site.ts";
import type { Question } from "./question.ts";
import { checkLimit, selectionSql } from "./selection.ts";
import { NO_TOTAL, rest, toTotal } from "./totals.ts";
import type { CommonOptions, LockHolder, LocksAnswer, LockSite, Selection } from "./types.ts";

/** So many stacks are looked at, the longest waiting first; the rest is in `other`. */
const MAX_STACKS = 20_000;
/** So many (waiter, holder) pairs of the sites that are shown. */
const MAX_PAIRS = 50_000;

/** A column of the table is not to be taken for the sum of the same name. */
const COLUMNS = "stack, class, type, outcome, holder_stack, locks.count AS waits_of, delay, locks.max AS max";

const waitersSql = (locks: string, busy: string) => `
SELECT
    stack,
    toString(class) AS class_name,
    toString(type) AS type_name,
    sumIf(locks.waits_of, outcome = 'woken') AS waits,
    sumIf(locks.delay, outcome IN ('woken', 'open')) AS delay_ns,
    maxIf(locks.max, outcome IN ('woken', 'open')) AS max_ns,
    sumIf(locks.waits_of, outcome = 'timeout') AS timeouts,
    sumIf(locks.waits_of, outcome = 'interrupted') AS interrupted,
    sum(waits) OVER () AS all_waits,
    sum(delay_ns) OVER () AS all_delay
FROM (${locks}) AS locks
WHERE ${busy}
GROUP BY stack, class, type
ORDER BY delay_ns DESC, waits DESC, timeouts + interrupted DESC, stack, class, type
LIMIT {stacks:UInt32}`;

const holdersSql = (locks: string, busy: string) => `
SELECT
    stack,
    toString(class) AS class_name,
    toString(type) AS type_name,
    holder_stack,
    sumIf(locks.waits_of, outcome = 'woken') AS waits,
    sum(locks.delay) AS delay_ns
FROM (${locks}) AS locks
WHERE ${busy} AND outcome IN ('woken', 'open') AND stack IN {waiters:Array(UInt64)}
GROUP BY stack, class, type, holder_stack
ORDER BY delay_ns DESC, waits DESC, stack, class, type, holder_stack
LIMIT {pairs:UInt32}`;

/** 64-bit numbers are decimal text. */
interface Key {
  readonly stack: string;
  readonly class_name: string;
  readonly type_name: string;
}
interface WaiterRow extends Key {
  readonly waits: string;
  readonly delay_ns: string;
  readonly max_ns: string;
  readonly timeouts: string;
  readonly interrupted: string;
  readonly all_waits: string;
  readonly all_delay: string;
}
interface HolderRow extends Key {
  readonly holder_stack: string;
  readonly waits: string;
  readonly delay_ns: string;
}

/** Holds stacks of one site, the one that waited longest first. */
interface SiteStacks {
  readonly frame: Frame;
  readonly stack: readonly Frame[];
  readonly rows: WaiterRow[];
}

/**
 * Asks for the `limit` (function, class, type) that waited longest in `selection`, whose kind does not matter, each with the
 * functions that it waited for. Waits that were not woken are counted, but are no part of the delay.
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
  const { busy, params } = selected;
  const locks = selected.rows("locks", COLUMNS);
  const rows = await question.rows<WaiterRow>(waitersSql(locks, busy.locks), {
    ...params,
    stacks: MAX_STACKS,
  });
  const first = rows[0];
  if (!first) return { sites: [], total: NO_TOTAL, other: NO_TOTAL, cost: question.cost };
  const groups = bySite(rows, await framesOfStacks(question, rows.map(({ stack }) => stack))).slice(0, limit);
  const shown = groups.flatMap((group) => group.rows);
  const pairs = await question.rows<HolderRow>(holdersSql(locks, busy.locks), {
    ...params,
    waiters: `[${[...new Set(shown.map(({ stack }) => stack))].join()}]`,
    pairs: MAX_PAIRS,
  });
  const content = await framesOfStacks(question, pairs.map((pair) => pair.holder_stack));
  const byKey = Map.groupBy(pairs, keyOf);
  return {
    sites: groups.map((group) => {
      const own = group.rows.flatMap((row) => byKey.get(keyOf(row)) ?? []);
      return siteOf(group, holdersOf(own, content), holders);
    }),
    total: toTotal(first.all_delay, first.all_waits),
    other: rest(
      [first.all_delay, first.all_waits],
      shown.map(({ delay_ns, waits }) => [delay_ns, waits]),
    ),
    cost: question.cost,
  };
}

function keyOf({ stack, class_name, type_name }: Key): string {
  return `${stack}\0${class_name}\0${type_name}`;
}

type Stacks = ReadonlyMap<string, readonly Frame[]>;

/** Fetches the frames of each stack, leaf first. */
async function framesOfStacks(question: Question, hashes: readonly string[]): Promise<Stacks> {
  const content = await fetchContent(question, hashes.filter((hash) => hash !== NOBODY));
  return new Map(content.stacks.keys().map((hash) => [hash, framesOf(content, hash)]));
}

/** Is the hash of a holder that was not seen. */
const NOBODY = "0";

/** Groups by what waited; the groups that waited longest come first, as rows do. */
function bySite(rows: readonly WaiterRow[], content: Stacks): SiteStacks[] {
  const groups = new Map<string, SiteStacks>();
  for (const row of rows) {
    const stack = content.get(row.stack) ?? [];
    const frame = siteFrame(stack, row.type_name) ?? MISSING_FRAME;
    const key = [frame.function, frame.module, row.class_name, row.type_name].join("\0");
    const group = groups.get(key);
    if (group) group.rows.push(row);
    else groups.set(key, { frame, stack, rows: [row] });
  }
  const delay = (group: SiteStacks) => group.rows.reduce((sum, row) => sum + Number(row.delay_ns), 0);
  return [...groups.values()].sort((a, b) => delay(b) - delay(a));
}

function holdersOf(pairs: readonly HolderRow[], content: Stacks): LockHolder[] {
  const holders = new Map<string, { function: string; module: string; total: Total }>();
  for (const { holder_stack, type_name, delay_ns, waits } of pairs) {
    const frame = holder_stack === NOBODY
      ? NO_HOLDER
      : siteFrame(content.get(holder_stack) ?? [], type_name) ?? MISSING_FRAME;
    const key = `${frame.function}\0${frame.module}`;
    const { value, count } = holders.get(key)?.total ?? NO_TOTAL;
    const more = toTotal(delay_ns, waits);
    const total = { value: value + more.value, count: count + more.count };
    holders.set(key, { function: frame.function, module: frame.module, total });
  }
  return [...holders.values()].sort((a, b) => b.total.value - a.total.value || b.total.count - a.total.count);
}

/** Stands where it was not seen who ended a wait. */
const NO_HOLDER = { function: "", module: "" };

function siteOf({ frame, stack, rows }: SiteStacks, holders: readonly LockHolder[], limit: number): LockSite {
  const sum = (of: "waits" | "delay_ns" | "timeouts" | "interrupted") =>
    rows.reduce((total, row) => total + Number(row[of]), 0);
  const total = { value: sum("delay_ns"), count: sum("waits") };
  const shown = holders.slice(0, limit);
  return {
    function: frame.function,
    module: frame.module,
    class: rows[0]!.class_name,
    type: rows[0]!.type_name,
    stack: stack.map((each) => each.function),
    total,
    max: Math.max(...rows.map(({ max_ns }) => Number(max_ns))),
    timeouts: sum("timeouts"),
    interrupted: sum("interrupted"),
    holders: shown,
    otherHolders: {
      value: shown.reduce((left, holder) => left - holder.total.value, total.value),
      count: shown.reduce((left, holder) => left - holder.total.count, total.count),
    },
  };
}
