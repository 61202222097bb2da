// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture diff`: which functions take more time, which less, and which only seem to.
 *
 * @module
 */

import type { DiffJson } from "../../aggregator/http/answers.ts";
import * as v from "valibot";
import { counted } from "../../common/words.ts";
import { defineSettings, duration, oneOf, toggle, UsageError, type Values } from "../../common/settings.ts";
import { formatAmount } from "../../agent/output/amount.ts";
import type { Total } from "../../profile/model.ts";
import { before } from "../ask/moment.ts";
import { type Rest, SERVER_SETTINGS } from "../ask/rest.ts";
import { bodyOf, kindOf, type Question, questionOf, SELECTION_SETTINGS } from "../ask/selection.ts";
import { defineCommand, STATUS } from "../command.ts";
import { type Io, write } from "../io.ts";
import { headLine, surroundings } from "../show/head.ts";
import { limitSettings, outputSettings, ROW_FORMATS, show } from "../show/output.ts";
import { formatPercent } from "../show/figures.ts";
import { deviations, threshold } from "./significance.ts";
import { nothing, withRest } from "./asking.ts";

/** A change of less than this share of the whole is not said. */
const LEAST_SHARE = 0.001;

const LAG_MS = 30_000;

const SETTINGS = defineSettings({
  before: {
    flag: "before",
    placeholder: "TIME",
    help: "Compare with the time that ended so long before this one begins: 0s is the one just before",
    schema: duration(0),
  },
  against: {
    flag: "against",
    placeholder: "TIME",
    help: "Compare with the same time so long ago, such as 1d",
    schema: duration(1000),
  },
  by: {
    flag: "by",
    placeholder: "MEASURE",
    help: "Compare cores, shares of each side's whole, or values as they are: cores, share, value",
    default: "cores",
    schema: oneOf(["cores", "share", "value"]),
  },
  failOver: {
    flag: "fail-over",
    placeholder: "PERCENT",
    help: "End with 3 when a function takes more by over so much of the base's whole, beyond noise: 5%",
    schema: percent(),
  },
  all: {
    flag: "all",
    alias: "v",
    placeholder: "",
    help: "Show functions whose change may be noise, too",
    schema: toggle(),
  },
  ...limitSettings(20, 1000),
  ...SELECTION_SETTINGS,
  ...outputSettings(ROW_FORMATS),
  ...SERVER_SETTINGS,
});

/** Takes `5%`, as a share. */
function percent(): v.GenericSchema<string, number> {
  const message = "a percentage like 5% or 0.5%";
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,3}(\.\d+)?%$/, message),
    v.transform((text) => parseFloat(text) / 100),
  );
}

export const diff = defineCommand({
  name: "diff",
  group: "Ask an aggregator",
  summary: "What takes more time than before, beyond noise",
  usage: "diff [cpu|lock|syscall] [SELECTOR …] --before TIME | --against TIME, or diff A B",
  about:
    `A and B are two selectors, one argument each, of the same time. Times are compared by the functions' own time
(self). A change is said when it is beyond what counts of samples vary by, at a level at which one comparison
of a thousand without any change says one; and is at least 0.1 % of the larger side. Where --to is not said it
is half a minute ago, as agents have sent all until then.`,
  words: ["cpu", "lock", "syscall"],
  settings: SETTINGS,
  examples: [
    { line: "aperture diff --before 0s --since 10m", does: "the last 10 minutes, and the 10 before them" },
    {
      line: "aperture diff service=shop --since 15m --against 1d",
      does: "one service, and the same time yesterday",
    },
    { line: "aperture diff node=node-1 node=node-2", does: "one node and another" },
    {
      line: "aperture diff --since 10m --before 0s --fail-over 5%",
      does: "for CI: 3 when something grew by over 5 %",
    },
    {
      line: "aperture diff cpu --since 10m --before 0s --by share -o csv",
      does: "shares of each whole, as CSV",
    },
  ],
  run: async ({ values, rest: args, io }) => {
    // Batches of the last windows are under way: half a minute of them would be a change of its own.
    const { base, compare } = sidesOf(args, { ...values, to: values.to ?? { ago: LAG_MS } });
    return await withRest(values, io, (rest) => comparison({ io, rest }, { base, compare, values }));
  },
});

interface Sides {
  readonly base: Question;
  readonly compare: Question;
}

function sidesOf(args: readonly string[], values: Values<typeof SETTINGS>): Sides {
  const { kind, words } = kindOf(args);
  const { against, before: gap } = values;
  if (against !== undefined && gap !== undefined) {
    throw new UsageError("Cannot take both '--before' and '--against': leave one of them out");
  }
  if (against === undefined && gap === undefined) {
    if (words.length !== 2) {
      throw new UsageError(
        "Missing what to compare with: '--before TIME', '--against TIME', or two selectors",
      );
    }
    return { base: questionOf(kind, [words[0]!], values), compare: questionOf(kind, [words[1]!], values) };
  }
  const compare = questionOf(kind, words, values);
  const { from, to } = compare;
  if (against !== undefined) {
    return { base: { ...compare, from: before(from, against), to: before(to, against) }, compare };
  }
  if ("ago" in from !== "ago" in to) {
    throw new UsageError(
      "Cannot take '--before' with one relative and one absolute time: give both in one form",
    );
  }
  const length = "ago" in from ? from.ago - (to as { ago: number }).ago : (to as { at: number }).at - from.at;
  return { base: { ...compare, from: before(from, length + gap!), to: before(from, gap!) }, compare };
}

/** Is one function of both sides. */
export interface Change {
  readonly function: string;
  readonly module: string;
  readonly base: Total;
  readonly compare: Total;
  /** Are what is compared: cores, shares, or values. */
  readonly from: number;
  readonly to: number;
  readonly sigma: number;
  readonly significant: boolean;
}

/** Returns the changes of an answer, the largest first. */
export function changesOf({ base, compare, rows }: DiffJson, by: "cores" | "share" | "value"): Change[] {
  const [before, after] = [scaleOf(base, by), scaleOf(compare, by)];
  const bound = threshold(rows.length);
  const least = LEAST_SHARE * Math.max(base.total.value * before, compare.total.value * after);
  return rows.map((row) => {
    const [from, to] = [row.base_self.value * before, row.compare_self.value * after];
    const sides = [{ total: row.base_self, scale: before }, {
      total: row.compare_self,
      scale: after,
    }] as const;
    const sigma = from === to ? 0 : deviations(...sides);
    const significant = Math.abs(sigma) >= bound && Math.abs(to - from) >= least;
    return {
      function: row.function,
      module: row.module,
      base: row.base_self,
      compare: row.compare_self,
      from,
      to,
      sigma,
      significant,
    };
  }).sort((a, b) => Math.abs(b.to - b.from) - Math.abs(a.to - a.from));
}

function scaleOf({ selection, total }: DiffJson["base"], by: "cores" | "share" | "value"): number {
  if (by === "value") return 1;
  if (by === "share") return total.value === 0 ? 0 : 1 / total.value;
  return 1e-6 / (Date.parse(selection.to) - Date.parse(selection.from));
}

async function comparison(
  { io, rest }: { io: Io; rest: Rest },
  { base, compare, values }: Sides & { values: Values<typeof SETTINGS> },
): Promise<number> {
  const { by, limit, failOver } = values;
  const ask = rest.send("/api/diff", { base: bodyOf(base), compare: bodyOf(compare), by, limit: 1000 });
  const [text, ofBase, ofCompare] = await Promise.all([
    ask,
    surroundings(rest, base),
    surroundings(rest, compare),
  ]);
  const answer = JSON.parse(text) as DiffJson;
  for (const [side, question] of [[answer.base, base], [answer.compare, compare]] as const) {
    if (side.total.value === 0) return await nothing(io, question, side.selection);
  }
  const changes = changesOf(answer, by);
  const said = changes.filter(({ significant }) => significant);
  const shown = values.all ? changes : said;
  const heads = ([[answer.base, base, ofBase], [answer.compare, compare, ofCompare]] as const)
    .map(([{ selection, total }, { written }, around]) =>
      headLine({ selection, written, total, around, now: io.now() })
    );
  const amount = (n: number) =>
    by === "share"
      ? formatPercent(n)
      : by === "value"
      ? formatAmount(Math.round(n), "nanoseconds")
      : coresText(n);
  const notes = [
    ...shown.length > limit ? [`${shown.length - limit} more changed: -n shows more`] : [],
    ...values.all
      ? []
      : [`not significant: ${counted(changes.length - said.length, "function", "functions")} (-v)`],
  ];
  await show(io, {
    format: values.output,
    quiet: values.quiet,
    head: `base    ${heads[0]}\ncompare ${heads[1]}`,
    sheet: { columns: columnsOf(amount), rows: shown.slice(0, limit) },
    json: text,
    notes,
  });
  if (shown.length === 0 && values.output === "table") await write(io, "No function changed beyond noise\n");
  if (failOver === undefined) return STATUS.ok;
  const whole = answer.base.total.value * scaleOf(answer.base, by);
  return said.some(({ from, to }) => to - from > failOver * whole) ? STATUS.met : STATUS.ok;
}

function coresText(n: number): string {
  return n === 0 ? "0" : n < 0.0005 ? "<0.001" : n.toFixed(n >= 10 ? 1 : n >= 1 ? 2 : 3);
}

function columnsOf(amount: (n: number) => string) {
  const signed = ({ from, to }: Change) => (to >= from ? "+" : "−") + amount(Math.abs(to - from));
  return [
    {
      head: "TIME",
      text: true,
      cell: ({ from, to }: Change) => to > from ? "▲ more" : to < from ? "▼ less" : "same",
    },
    { head: "CHANGE", cell: signed },
    {
      head: "FROM",
      cell: ({ from }: Change) => amount(from),
      key: "from",
      value: ({ from }: Change) => from,
    },
    { head: "TO", cell: ({ to }: Change) => amount(to), key: "to", value: ({ to }: Change) => to },
    {
      head: "SIGMA",
      cell: ({ sigma }: Change) => sigma.toFixed(1),
      spare: 1,
      key: "sigma",
      value: ({ sigma }: Change) => sigma,
    },
    {
      head: "FUNCTION",
      cell: (row: Change) => row.function,
      text: true,
      least: 20,
      key: "function",
      value: (row: Change) => row.function,
    },
    {
      head: "MODULE",
      cell: (row: Change) => row.module,
      text: true,
      least: 10,
      spare: 2,
      key: "module",
      value: (row: Change) => row.module,
    },
    { key: "base_ns", value: ({ base }: Change) => base.value },
    { key: "base_count", value: ({ base }: Change) => base.count },
    { key: "compare_ns", value: ({ compare }: Change) => compare.value },
    { key: "compare_count", value: ({ compare }: Change) => compare.count },
    { key: "significant", value: ({ significant }: Change) => String(significant) },
  ];
}
