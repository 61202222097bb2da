// SPDX-License-Identifier: Apache-2.0
/**
 * The hottest functions as a table for the terminal.
 *
 * @module
 */

import { bold, dim, red, yellow } from "@std/fmt/colors";
import { counted } from "../../common/words.ts";
import { totalOfView } from "../../profile/idle.ts";
import { lossesText } from "../../profile/losses.ts";
import { type Kind, KIND_NUMBER, type Profile, totalOf, UNKNOWN_MODULE } from "../../profile/model.ts";
import { formatAmount, formatCount, formatPercent } from "./amount.ts";
import { columnsOf, cutMiddle } from "./fit.js";

/** Sums what one function of one module took. */
export interface TopRow {
  readonly function: string;
  readonly module: string;
  /** Sums the stacks where it is the leaf. */
  readonly self: number;
  /** Sums the stacks where it is anywhere, once for each stack. */
  readonly total: number;
}

export interface TopOptions {
  readonly kind: Kind;
  /** @default {"value"} */
  readonly value?: "value" | "count";
  /** @default {10} */
  readonly limit?: number;
}

/** Returns the functions of the largest `self`; of equal ones those of the larger total, then by name. */
export function topFunctions(
  profile: Profile,
  { kind, value = "value", limit = 10 }: TopOptions,
): TopRow[] {
  const { strings, frames, stacks: { offset, frame }, samples } = profile;
  interface Sums {
    self: number;
    total: number;
    readonly frame: number;
    sample: number;
  }
  const byName = new Map<string, Sums>();
  const byFrame = Array.from(frames.function, (name, row) => {
    const key = `${strings[name]}\0${strings[frames.module[row]!]}`;
    let sums = byName.get(key);
    if (!sums) byName.set(key, sums = { self: 0, total: 0, frame: row, sample: -1 });
    return sums;
  });
  for (let i = 0; i < samples.kind.length; i++) {
    if (samples.kind[i] !== KIND_NUMBER[kind]) continue;
    const weight = samples[value][i]!;
    const leaf = offset[samples.stack[i]!]!;
    const end = offset[samples.stack[i]! + 1]!;
    for (let f = leaf; f < end; f++) {
      const sums = byFrame[frame[f]!]!;
      if (f === leaf) sums.self += weight;
      // A function that calls itself is in the stack more than once.
      if (sums.sample !== i) sums.total += weight;
      sums.sample = i;
    }
  }
  return byName.values().filter(({ total }) => total > 0).map(({ self, total, frame: row }) => {
    const name = strings[frames.function[row]!]!;
    return { function: name, module: strings[frames.module[row]!]!, self, total };
  }).toArray().sort((a, b) => {
    return b.self - a.self || b.total - a.total || (a.function < b.function ? -1 : 1);
  }).slice(0, limit);
}

export interface TopTableOptions extends TopOptions {
  /** Columns of the terminal. @default {100} */
  readonly width?: number;
  /** @default {false} */
  readonly colors?: boolean;
}

/**
 * Returns the rows of {@linkcode topFunctions} with shares of the kind's total; lines are at most `width` columns wide.
 */
export function topTable(profile: Profile, options: TopTableOptions): string {
  const { kind, value = "value", width = 100, colors = false } = options;
  const whole = totalOf(profile, kind)[value];
  const rows = topFunctions(profile, options);
  if (rows.length === 0) return "";
  const paint = colors ? { bold, dim, red, yellow } : PLAIN;
  // Two shares of 7 columns, and two spaces before each column but the first.
  const room = Math.max(width - 2 * 9 - 2, 20);
  const widest = (texts: string[]) => Math.max(...texts.map(columnsOf));
  const names = rows.map((row) => printable(row.function));
  const modules = rows.map((row) => printable(row.module || UNKNOWN_MODULE));
  const moduleWidth = Math.min(
    widest([...modules, "module"]),
    Math.max(room - widest(names), Math.floor(room / 3)),
  );
  const nameWidth = Math.min(widest([...names, "function"]), room - moduleWidth);
  const line = (cells: readonly [string, string, string, string], paintSelf: Paint = PLAIN.bold) => {
    const [self, total, name, module] = cells;
    const fitted = cutMiddle(name, nameWidth);
    const gap = " ".repeat(nameWidth - columnsOf(fitted));
    return `${paintSelf(self.padStart(7))}  ${total.padStart(7)}  ${fitted}${gap}  ` +
      paint.dim(cutMiddle(module, moduleWidth));
  };
  const lines = rows.map((row, i) => {
    const share = row.self / whole;
    const cells = [formatPercent(share), formatPercent(row.total / whole), names[i]!, modules[i]!] as const;
    return line(cells, share >= 0.1 ? paint.red : share >= 0.02 ? paint.yellow : PLAIN.bold);
  });
  return [paint.bold(line(["self", "total", "function", "module"]).trimEnd()), ...lines].join("\n") + "\n";
}

export interface SummaryOptions {
  readonly kind: Kind;
  /** The run watched for this long. */
  readonly durationNs: number;
  /** Counts what could not be counted, by reason. @default {none} */
  readonly losses?: ReadonlyMap<string, number>;
  /** Includes what threads do that have nothing to do. @default {false} */
  readonly idle?: boolean;
}

const NOUNS: Readonly<Record<Kind, readonly [count: string, value: string]>> = {
  cpu: ["samples", "of CPU time"],
  lock: ["waits", "of waiting"],
  syscall: ["calls", "in calls"],
};

/** Returns `1,980 samples in 10.0 s: 20.0 s of CPU time, nothing lost` */
export function summaryLine(profile: Profile, { kind, durationNs, losses, idle }: SummaryOptions): string {
  const { value, count } = totalOfView(profile, kind, idle === undefined ? {} : { idle });
  const [noun, what] = NOUNS[kind];
  const amount = (ns: number) => formatAmount(ns, "nanoseconds");
  return `${formatCount(count)} ${count === 1 ? noun.slice(0, -1) : noun} in ${amount(durationNs)}: ` +
    `${amount(value)} ${what}, ${lossesText(losses ?? new Map())}`;
}

/** Returns `99.2 % of user stacks whole; cut: no_page 12, read_fault 3`; "" when there were none. */
export function stackEndsLine(stackEnds: ReadonlyMap<string, number>): string {
  const all = stackEnds.values().reduce((sum, count) => sum + count, 0);
  if (all === 0) return "";
  const cut = [...stackEnds].filter(([end]) => end !== WHOLE).sort(([, a], [, b]) => b - a);
  const reasons = cut.map(([end, count]) => `${end} ${formatCount(count)}`).join(", ");
  return `${formatPercent((stackEnds.get(WHOLE) ?? 0) / all)} of user stacks whole` +
    (reasons === "" ? "" : `; cut: ${reasons}`);
}

/** Returns what is to be said of places that the end of a run left no time for; "" where there are none. */
export function unreadLine(unread: number): string {
  if (unread === 0) return "";
  return `${
    counted(unread, "place is", "places are")
  } shown by module and offset: there was no time to read what has their names`;
}

/** Names the good one of `enum aperture_stack_end`. */
const WHOLE = "complete";

type Paint = (text: string) => string;
const same: Paint = (text) => text;
const PLAIN = { bold: same, dim: same, red: same, yellow: same };

/** A name of a program must not be able to move a terminal's cursor. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Control}|[\p{Bidi_Control}\u2028\u2029]/gu, "\ufffd");
}
