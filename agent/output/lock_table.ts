/**
 * Shows who waited for locks, and for whom, as a table for the terminal.
 *
 * @module
 */

import { bold, red, yellow } from "@std/fmt/colors";
import { isIdleClass } from "../../profile/idle.ts";
import { lockAt } from "../../profile/locks.ts";
import { siteFrame } from "../../profile/lock_site.ts";
import { type Frame, frameAt, type Profile, UNKNOWN_MODULE } from "../../profile/model.ts";
import { formatAmount, formatCount, formatPercent } from "./amount.ts";
import { columnsOf, cutMiddle } from "./fit.js";
import { printable } from "./top_table.ts";

/** A function that waited, or was waited for. */
interface Code {
  readonly function: string;
  readonly module: string;
}

/** Waits of one function for locks of one class and type. */
export interface LockSite extends Code {
  readonly class: string;
  readonly type: string;
  /** Waits that were woken, their ns together, and the ns of the longest. */
  waits: number;
  delay: number;
  max: number;
  /** Waits that timed out or were interrupted. */
  gaveUp: number;
  /** Lists who woke them, by the ns that they were waited for. */
  readonly holders: (Code & { delay: number })[];
}

export interface LockSitesOptions {
  /** With waits of threads that have nothing to do. @default {false} */
  readonly idle?: boolean;
  /** @default {10} */
  readonly limit?: number;
}

/** Returns the functions that waited longest, and those that they waited for, the longest first. */
export function lockSites(profile: Profile, { idle = false, limit = 10 }: LockSitesOptions = {}): LockSite[] {
  const sites = new Map<string, LockSite>();
  for (let row = 0; row < profile.locks.outcome.length; row++) {
    const lock = lockAt(profile, row);
    if (!idle && isIdleClass(lock.class)) continue;
    const code = codeOf(profile, lock.stack, lock.type);
    const key = [code.function, code.module, lock.class, lock.type].join("\0");
    let site = sites.get(key);
    if (!site) {
      site = {
        ...code,
        class: lock.class,
        type: lock.type,
        waits: 0,
        delay: 0,
        max: 0,
        gaveUp: 0,
        holders: [],
      };
      sites.set(key, site);
    }
    if (lock.outcome !== "woken") {
      site.gaveUp += lock.count;
      continue;
    }
    site.waits += lock.count;
    site.delay += lock.delay;
    site.max = Math.max(site.max, lock.max);
    const holder = lock.holder ? codeOf(profile, lock.holder.stack, lock.type) : { function: "", module: "" };
    const known = site.holders.find((each) =>
      each.function === holder.function && each.module === holder.module
    );
    if (known) known.delay += lock.delay;
    else site.holders.push({ ...holder, delay: lock.delay });
  }
  const sorted = [...sites.values()].sort((a, b) => b.delay - a.delay || b.waits - a.waits).slice(0, limit);
  for (const { holders } of sorted) holders.sort((a, b) => b.delay - a.delay);
  return sorted;
}

function codeOf(profile: Profile, stack: number, type: string): Code {
  const { offset, frame } = profile.stacks;
  const frames: Frame[] = Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => {
    return frameAt(profile, row);
  });
  const { function: name, module } = siteFrame(frames, type) ?? { function: UNKNOWN_MODULE, module: "" };
  return { function: name, module };
}

export interface LockTableOptions extends LockSitesOptions {
  /** Columns of the terminal. @default {100} */
  readonly width?: number;
  /** @default {false} */
  readonly colors?: boolean;
}

/** So many of those who were waited for are named. */
const HOLDERS = 3;
/** The columns before the names: two amounts, a count and a class, and two spaces after each. */
const AMOUNTS_WIDTH = 2 * 11 + 2 * 11 + 12;

/** Returns the rows of {@linkcode lockSites}; lines are at most `width` columns wide. "" where nobody waited. */
export function lockTable(profile: Profile, options: LockTableOptions = {}): string {
  const { width = 100, colors = false } = options;
  const sites = lockSites(profile, options);
  if (sites.length === 0) return "";
  const whole = sites.reduce((sum, { delay }) => sum + delay, 0);
  const room = Math.max(width - AMOUNTS_WIDTH, 20);
  const waiters = sites.map((site) => printable(site.function));
  const waiterWidth = Math.min(Math.max(...waiters.map(columnsOf), 10), Math.floor(room / 2) - 2);
  const line = (
    cells: readonly [string, string, string, string, string],
    waiter: string,
    holders: string,
  ) => {
    const name = cutMiddle(waiter, waiterWidth);
    return `${cells.slice(0, 4).map((cell) => cell.padStart(9)).join("  ")}  ${
      cells[4].padEnd(10)
    }  ${name}` +
      `${" ".repeat(waiterWidth - columnsOf(name))} ← ${cutMiddle(holders, room - waiterWidth - 3)}`;
  };
  const paint = (share: number) => share >= 0.3 ? red : share >= 0.1 ? yellow : (text: string) => text;
  const ns = (amount: number) => formatAmount(amount, "nanoseconds");
  const lines = sites.map((site, i) => {
    const text = line(
      [ns(site.delay), formatCount(site.waits), ns(site.max), formatCount(site.gaveUp), site.class],
      waiters[i]!,
      holdersText(site),
    );
    return colors ? paint(site.delay / whole)(text.slice(0, 9)) + text.slice(9) : text;
  });
  const head = line(["delay", "waits", "longest", "gave up", "class"], "who waited", "for whom");
  return [colors ? bold(head) : head, ...lines].join("\n") + "\n";
}

function holdersText({ holders, delay }: LockSite): string {
  if (holders.length === 0) return "nobody";
  const named = holders.slice(0, HOLDERS).map(({ function: name, delay: of }) => {
    const share = delay > 0 && holders.length > 1 ? ` ${formatPercent(of / delay)}` : "";
    return `${printable(name || "not seen")}${share}`;
  });
  return named.join(", ") + (holders.length > HOLDERS ? ", …" : "");
}
