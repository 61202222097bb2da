// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture locks` and `aperture syscalls`: who waits for whom, and which calls are slow or fail.
 *
 * @module
 */

import type { LocksJson, SyscallsJson } from "../../aggregator/http/answers.ts";
import type { Total } from "../../profile/model.ts";
import { defineSettings, duration, names, text, toggle } from "../../common/settings.ts";
import { SERVER_SETTINGS } from "../ask/rest.ts";
import { paramsOf, questionOf, SELECTION_SETTINGS } from "../ask/selection.ts";
import { labelOf } from "../ask/selector.ts";
import { defineCommand, STATUS } from "../command.ts";
import { formatCount, part, time } from "../show/figures.ts";
import { limitSettings, outputSettings, ROW_FORMATS, show } from "../show/output.ts";
import type { Column } from "../show/sheet.ts";
import { asking, nothing, withRest } from "./asking.ts";

type Site = LocksJson["sites"][number];
type Call = SyscallsJson["rows"][number];

export const locks = defineCommand({
  name: "locks",
  group: "Ask an aggregator",
  summary: "Who waits for which lock, and who held it",
  usage: "locks [SELECTOR …] [--holders] [--stack]",
  settings: defineSettings({
    holders: { flag: "holders", placeholder: "", help: "A line for each holder of a lock", schema: toggle() },
    stack: {
      flag: "stack",
      placeholder: "",
      help: "Show where the waiter was called from",
      schema: toggle(),
    },
    ...limitSettings(20, 1000),
    ...SELECTION_SETTINGS,
    ...outputSettings(ROW_FORMATS),
    ...SERVER_SETTINGS,
  }),
  examples: [
    { line: "aperture locks", does: "who waited longest in the last 15 minutes" },
    { line: "aperture locks service=shop --holders", does: "with each holder's part" },
    { line: "aperture locks process=shopd --stack -n 3", does: "with the waiters' callers" },
    { line: "aperture locks --since 1h --idle", does: "with threads that have nothing to do" },
    { line: "aperture locks node=node-1 -o tsv", does: "for a script: nanoseconds and counts" },
  ],
  run: async ({ values, rest: words, io }) => {
    const question = questionOf("lock", words, values);
    return await withRest(values, io, async (rest) => {
      const { text, answer, head, notes } = await asking<LocksJson>(
        { io, rest, question },
        () =>
          rest.get("/api/locks", {
            ...paramsOf(question),
            limit: values.limit,
            holders: values.holders ? 20 : 5,
          }),
      );
      if (answer.sites.length === 0) return await nothing(io, question, answer.selection);
      const { total, other, sites } = answer;
      const detailed = values.holders || values.stack;
      await show(io, {
        format: values.output,
        quiet: values.quiet,
        head,
        sheet: { columns: lockColumns(total.value), rows: sites },
        json: text,
        notes: [
          ...other.value > 0 ? [`${time(other.value)} more behind these ${sites.length}: -n shows more`] : [],
          ...hiddenNote(answer.hidden),
          ...notes,
        ],
        ...detailed && {
          details: (site: Site) => [
            ...values.holders ? holderLines(site) : [],
            ...values.stack ? site.stack.map((name) => `at ${name}`) : [],
          ],
        },
      });
      return STATUS.ok;
    });
  },
});

function holderLines({ holders, other_holders, total }: Site): string[] {
  const line = (who: string, value: number) => `${part(value, total.value).padStart(7)}  ${who}`;
  return [
    ...holders.map((holder) => line(`${codeText(holder)}  ${holder.module}`.trimEnd(), holder.total.value)),
    ...other_holders.value > 0 ? [line("other holders", other_holders.value)] : [],
  ];
}

/** Returns `shopd: add_order`, or what is known of it. */
function codeText({ process, function: name, thread = "" }: {
  readonly process: string;
  readonly function: string;
  readonly thread?: string;
}): string {
  const code = name || (thread === "" ? "not seen" : `thread ${thread}`);
  return process === "" ? code : `${process}: ${code}`;
}

/** Returns `shopd: flush_orders 92 %, …`: who held it for the longest, and that there are others. */
function holderText({ holders, held, total }: Site): string {
  const [first, ...others] = holders;
  if (first === undefined) return "nobody seen";
  const share = total.value > 0 ? ` ${Math.round(100 * first.total.value / total.value)} %` : "";
  return `${held ? "" : "woken by "}${codeText(first)}${share}${others.length > 0 ? ", …" : ""}`;
}

function lockColumns(whole: number): Column<Site>[] {
  return [
    {
      head: "WAITED",
      cell: ({ total }) => time(total.value),
      key: "waited_ns",
      value: ({ total }) => total.value,
    },
    { head: "SHARE", cell: ({ total }) => part(total.value, whole), spare: 2 },
    {
      head: "WAITS",
      cell: ({ total }) => formatCount(total.count),
      key: "waits",
      value: ({ total }) => total.count,
    },
    {
      head: "OPEN",
      cell: ({ open }) => open > 0 ? formatCount(open) : "–",
      spare: 6,
      key: "open",
      value: ({ open }) => open,
    },
    { key: "p50_ns", value: ({ p50 }) => p50 },
    { head: "P99", cell: ({ p99 }) => time(p99), spare: 3, key: "p99_ns", value: ({ p99 }) => p99 },
    { head: "MAX", cell: ({ max }) => time(max), spare: 5, key: "max_ns", value: ({ max }) => max },
    { head: "WAITER", cell: codeText, text: true, least: 14 },
    { key: "process", value: ({ process }) => process },
    { key: "waiter", value: (site) => site.function },
    { key: "module", value: ({ module }) => module },
    { head: "HOLDER", cell: holderText, text: true, least: 14 },
    { key: "holder_process", value: ({ holders }) => holders[0]?.process ?? "" },
    { key: "holder", value: ({ holders }) => holders[0]?.function ?? "" },
    { key: "holder_ns", value: ({ holders }) => holders[0]?.total.value ?? 0 },
    {
      head: "LOCK",
      cell: (site) => `${site.class} ${site.address || site.type}`,
      text: true,
      least: 6,
      spare: 4,
    },
    { key: "class", value: (site) => site.class },
    { key: "type", value: (site) => site.type },
    { key: "address", value: ({ address }) => address },
    { key: "timeouts", value: ({ timeouts }) => timeouts },
    { key: "interrupted", value: ({ interrupted }) => interrupted },
  ];
}

/** Says what idle threads did that is left out. */
function hiddenNote({ value, count }: Total): string[] {
  return value > 0 ? [`idle hidden: ${time(value)} of ${formatCount(count)} (--idle shows it)`] : [];
}

export const syscalls = defineCommand({
  name: "syscalls",
  group: "Ask an aggregator",
  summary: "Which system calls are slow or fail, and who makes them",
  usage: "syscalls [SELECTOR …] [--by NAMES] [--errors NAME] [--slower TIME]",
  settings: defineSettings({
    by: {
      flag: "by",
      placeholder: "NAMES",
      help: "Tell calls apart by these labels: process, thread, pod, node, … with commas between them",
      schema: names(),
    },
    call: {
      flag: "call",
      placeholder: "NAMES",
      help: "Only these calls, such as read,fsync",
      schema: names(),
    },
    errors: {
      flag: "errors",
      placeholder: "NAME",
      help: "Only calls that failed so: ENOENT, or any",
      schema: text(),
    },
    slower: {
      flag: "slower",
      placeholder: "TIME",
      help: "Only calls of which some took as long, such as 1ms",
      schema: duration(0, 86_400_000),
    },
    ...limitSettings(20),
    ...SELECTION_SETTINGS,
    ...outputSettings(ROW_FORMATS),
    ...SERVER_SETTINGS,
  }),
  examples: [
    { line: "aperture syscalls", does: "the calls that took longest" },
    { line: "aperture syscalls --by process --slower 1ms", does: "slow ones, and whose they are" },
    {
      line: "aperture syscalls --errors ENOENT --by process",
      does: "who looks for files that are not there",
    },
    { line: "aperture syscalls --call fsync,fdatasync --by node", does: "what disks do" },
    { line: "aperture syscalls service=shop -o csv", does: "for a spreadsheet" },
  ],
  run: async ({ values, rest: words, io }) => {
    const question = questionOf("syscall", words, values);
    const by = values.by ?? [];
    const filtered = values.errors !== undefined || values.slower !== undefined;
    return await withRest(values, io, async (rest) => {
      const { text, answer, head, notes } = await asking<SyscallsJson>(
        { io, rest, question },
        () =>
          rest.get("/api/syscalls", {
            ...paramsOf(question),
            limit: filtered ? 10_000 : values.limit,
            group_by: by.length > 0 ? by.map(labelOf).join() : undefined,
            call: values.call?.join(),
          }),
      );
      if (answer.rows.length === 0) return await nothing(io, question, answer.selection);
      const matching = answer.rows.filter((row) => matches(row, values));
      const rows = matching.slice(0, values.limit);
      const { other } = answer;
      await show(io, {
        format: values.output,
        quiet: values.quiet,
        head,
        sheet: { columns: callColumns(by, values), rows },
        json: text,
        notes: [
          ...matching.length > rows.length
            ? [`${matching.length - rows.length} more rows: -n shows more`]
            : [],
          ...other.value > 0 && !filtered
            ? [`${time(other.value)} of ${formatCount(other.count)} calls more behind these: -n shows more`]
            : [],
          ...values.output === "json" && filtered
            ? ["JSON is the whole answer: --errors and --slower do not cut it"]
            : [],
          ...hiddenNote(answer.hidden),
          ...notes,
        ],
      });
      return rows.length > 0 ? STATUS.ok : STATUS.noData;
    });
  },
});

interface CallFilter {
  readonly errors?: string | undefined;
  readonly slower?: number | undefined;
}

function matches(row: Call, { errors, slower }: CallFilter): boolean {
  const failed = errors === undefined ||
    (errors === "any" ? row.failed > 0 : Object.hasOwn(row.errors, errors));
  return failed && (slower === undefined || row.max >= slower * 1e6);
}

/** Returns how many of a row's calls took `ms` or longer, by its histogram: at least so many did. */
function slowerCalls({ histogram, max }: Call, ms: number): number {
  const first = Math.ceil(Math.log2(Math.max(ms * 1e6, 1)));
  const sum = histogram.slice(first).reduce((a, b) => a + b, 0);
  return sum > 0 ? sum : max >= ms * 1e6 ? 1 : 0;
}

function callColumns(by: readonly string[], { errors, slower }: CallFilter): Column<Call>[] {
  const errorText = ({ errors }: Call) =>
    Object.entries(errors).map(([name, n]) => `${name} ${formatCount(n)}`).join(", ");
  return [
    {
      head: "TOTAL",
      cell: ({ total }) => time(total.value),
      key: "total_ns",
      value: ({ total }) => total.value,
    },
    { key: "calls", value: ({ total }) => total.count },
    {
      head: "CALLS/s",
      cell: ({ rate }) => rate >= 10 ? formatCount(Math.round(rate)) : rate.toFixed(rate >= 0.1 ? 1 : 3),
      key: "calls_per_second",
      value: ({ rate }) => rate,
    },
    ...slower === undefined ? [] : [{
      head: `≥${time(slower * 1e6)}`,
      cell: (row: Call) => formatCount(slowerCalls(row, slower)),
      key: "slow_calls",
      value: (row: Call) => slowerCalls(row, slower),
    }],
    { head: "P50", cell: ({ p50 }) => time(p50), spare: 3, key: "p50_ns", value: ({ p50 }) => p50 },
    { head: "P99", cell: ({ p99 }) => time(p99), spare: 1, key: "p99_ns", value: ({ p99 }) => p99 },
    { head: "MAX", cell: ({ max }) => time(max), spare: 4, key: "max_ns", value: ({ max }) => max },
    {
      head: "OPEN",
      cell: ({ open }) => open > 0 ? formatCount(open) : "–",
      spare: 6,
      key: "open",
      value: ({ open }) => open,
    },
    {
      head: "FAILED",
      cell: ({ failed }) => failed > 0 ? formatCount(failed) : "–",
      spare: 2,
      key: "failed",
      value: ({ failed }) => failed,
    },
    ...by.map((word, i): Column<Call> => ({
      head: word.toUpperCase(),
      cell: ({ group }) => group[i] || "–",
      text: true,
      least: 12,
      key: word,
      value: ({ group }) => group[i]!,
    })),
    { head: "CALL", cell: ({ call }) => call, text: true, key: "call", value: ({ call }) => call },
    ...errors === undefined ? [] : [{ head: "ERRORS", cell: errorText, text: true, least: 10, spare: 5 }],
    { key: "category", value: ({ category }) => category },
    { key: "errors", value: errorText },
  ];
}
