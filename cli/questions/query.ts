// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture query`: what takes the time, by function or by any label; or as a profile for other tools.
 *
 * @module
 */

import type { AggregateJson, FlameJson } from "../../aggregator/http/answers.ts";
import { flameSvg } from "../../agent/output/svg.ts";
import { UserError } from "../../common/main.ts";
import { counted } from "../../common/words.ts";
import {
  defineSettings,
  duration,
  names,
  text,
  toggle,
  UsageError,
  type Values,
} from "../../common/settings.ts";
import { closestWord } from "../../common/closest.ts";
import { before } from "../ask/moment.ts";
import { type Rest, SERVER_SETTINGS } from "../ask/rest.ts";
import { bodyOf, kindOf, paramsOf, type Question, questionOf, SELECTION_SETTINGS } from "../ask/selection.ts";
import { LABELS } from "../../profile/labels.ts";
import { labelOf, WORDS } from "../ask/selector.ts";
import { defineCommand, STATUS } from "../command.ts";
import { type Io, write } from "../io.ts";
import {
  limitSettings,
  outputSettings,
  ROW_FORMATS,
  show,
  showBytes,
  STACK_FORMATS,
  type StackFormat,
} from "../show/output.ts";
import { amount, change, cores, part } from "../show/figures.ts";
import type { Column } from "../show/sheet.ts";
import { treeColumns } from "../report/columns.ts";
import { treeLines } from "../report/tree.ts";
import { nodesOf } from "./call_tree.ts";
import { asking, nothing, withRest } from "./asking.ts";

type Row = AggregateJson["rows"][number];

const CODE = ["function", "module", "file", "line"];

/** Returns the groups that a list of words stands for, as REST calls them. @throws {UsageError} */
export function groupsOf(words: readonly string[]): { word: string; group: string }[] {
  return words.map((word) => {
    if (CODE.includes(word)) return { word, group: word };
    const known = [...CODE, ...LABELS, ...WORDS];
    if (!known.includes(word) && !word.startsWith("label_")) {
      const meant = closestWord(word, known);
      const hint = meant ? `did you mean '${meant}'?` : `it is not one of ${known.join(", ")}, label_NAME`;
      throw new UsageError(`Unknown group '${word}': ${hint}`);
    }
    return { word, group: labelOf(word) };
  });
}

const SETTINGS = defineSettings({
  by: {
    flag: "by",
    placeholder: "NAMES",
    help:
      "Group by these: function, module, file, line, process, thread, pod, node, … with commas between them",
    default: "function",
    schema: names(),
  },
  delta: {
    flag: "delta",
    placeholder: "TIME",
    help: "Show the change of the total since the same time so long ago, such as 1d",
    schema: duration(1000),
  },
  tree: {
    flag: "tree",
    placeholder: "",
    help: "The stacks as a tree, from the process on",
    schema: toggle(),
  },
  callers: {
    flag: "callers",
    placeholder: "FUNCTION",
    help: "Who calls this function, as a tree: the nearest first",
    schema: text(),
  },
  ...limitSettings(20),
  ...SELECTION_SETTINGS,
  ...outputSettings([...ROW_FORMATS, ...STACK_FORMATS]),
  ...SERVER_SETTINGS,
});

export const query = defineCommand({
  name: "query",
  group: "Ask an aggregator",
  summary: "What takes the time: functions, processes, pods, nodes",
  usage: "query [cpu|lock|syscall] [SELECTOR …] [--by NAMES] [-o FORMAT]",
  words: ["cpu", "lock", "syscall"],
  settings: SETTINGS,
  examples: [
    { line: "aperture query cpu", does: "the hottest functions of the last 15 minutes" },
    { line: "aperture query cpu service=shop --since 1h -n 10", does: "those of one service" },
    { line: "aperture query cpu --by process,node", does: "programs on their nodes" },
    {
      line: "aperture query cpu --callers parse_json",
      does: "who calls a function; --tree shows all stacks",
    },
    { line: "aperture query cpu -o folded > stacks.folded", does: "stacks for other tools" },
  ],
  run: async ({ values, rest: args, io }) => {
    const { kind, words } = kindOf(args);
    const question = questionOf(kind, words, values);
    const { output } = values;
    return await withRest(values, io, async (rest) => {
      const format = STACK_FORMATS.find((format) => format === output);
      if (format) return await exportStacks({ io, rest, question }, format);
      if (values.tree || values.callers !== undefined) return await tree({ io, rest, question }, values);
      return await rows({ io, rest, question }, values);
    });
  },
});

interface Asker {
  readonly io: Io;
  readonly rest: Rest;
  readonly question: Question;
}

async function rows({ io, rest, question }: Asker, values: Values<typeof SETTINGS>): Promise<number> {
  const groups = groupsOf(values.by);
  const group_by = groups.map(({ group }) => group);
  const ask = (of: Question, limit: number) =>
    rest.send("/api/aggregate", { ...bodyOf(of), group_by, limit });
  const earlier = values.delta === undefined ? undefined : ask(
    { ...question, from: before(question.from, values.delta), to: before(question.to, values.delta) },
    10_000,
  );
  const [asked, past] = await Promise.all([
    asking<AggregateJson>({ io, rest, question }, () => ask(question, values.limit)),
    earlier,
  ]);
  const { answer } = asked;
  if (answer.total.count === 0 && answer.total.value === 0) {
    return await nothing(io, question, answer.selection);
  }
  const columns = columnsOf(
    answer,
    groups,
    past === undefined ? undefined : JSON.parse(past) as AggregateJson,
  );
  await show(io, {
    format: values.output as "table",
    quiet: values.quiet,
    head: asked.head,
    sheet: { columns, rows: answer.rows },
    json: asked.text,
    notes: [...otherNote(answer), ...asked.notes],
  });
  return STATUS.ok;
}

/** Shows stacks as a tree of lines, the largest nodes. */
async function tree({ io, rest, question }: Asker, values: Values<typeof SETTINGS>): Promise<number> {
  const { callers, limit } = values;
  const around = callers === undefined ? {} : { callers, inverted: true, first_level: "none" };
  const params = { kind: question.kind, ...paramsOf(question), ...around };
  const { text, answer, head, notes } = await asking<FlameJson>(
    { io, rest, question },
    () => rest.get("/api/flamegraph", params),
  );
  const { total, graph, cut, selection } = answer;
  if (total.value === 0) return await nothing(io, question, selection);
  if (graph.total === 0) {
    throw new UserError(`Cannot find '${callers}': no stack of this time has such a function`);
  }
  const { lines, left } = treeLines(nodesOf(graph), limit);
  const more = left + cut.nodes;
  await show(io, {
    format: values.output as "table",
    quiet: values.quiet,
    head,
    sheet: { columns: treeColumns(total.value, (value) => amount(selection.kind, value)), rows: lines },
    json: text,
    notes: [
      ...more > 0 ? [`${counted(more, "node is", "nodes are")} too small to be shown: -n shows more`] : [],
      ...notes,
    ],
  });
  return STATUS.ok;
}

function otherNote({ other, total, rows }: AggregateJson): string[] {
  if (other.value === 0 && other.count === 0) return [];
  return [`${part(other.value, total.value)} more is in rows behind these ${rows.length}: -n shows more`];
}

function columnsOf(
  { selection, total, group_by }: AggregateJson,
  groups: readonly { word: string }[],
  past: AggregateJson | undefined,
): Column<Row>[] {
  const ms = Date.parse(selection.to) - Date.parse(selection.from);
  const keyOf = ({ group, module }: Row) => JSON.stringify([group, module]);
  const earlier = past && new Map(past.rows.map((row) => [keyOf(row), row.total.value]));
  const hasModule = group_by.includes("function");
  return [
    { head: "SELF", cell: (row) => part(row.self.value, total.value) },
    { head: "TOTAL", cell: (row) => part(row.total.value, total.value), spare: 1 },
    ...selection.kind === "cpu"
      ? [{ head: "CORES", cell: (row: Row) => cores(row.self.value, ms), spare: 2 }]
      : [{ head: "AMOUNT", cell: (row: Row) => amount(selection.kind, row.self.value), spare: 2 }],
    ...earlier
      ? [{
        head: "CHANGE",
        cell: (row: Row) => change(earlier.get(keyOf(row)) ?? 0, row.total.value),
        spare: 3,
      }]
      : [],
    ...groups.map(({ word }, i): Column<Row> => ({
      head: word.toUpperCase(),
      cell: (row) => row.group[i] || "–",
      text: true,
      least: 16,
      key: word,
      value: (row) => row.group[i]!,
    })),
    ...hasModule
      ? [{
        head: "MODULE",
        cell: (row: Row) => row.module,
        text: true,
        least: 10,
        spare: 4,
        key: "module",
        value: (row: Row) => row.module,
      }]
      : [],
    { key: "self_ns", value: (row) => row.self.value },
    { key: "self_count", value: (row) => row.self.count },
    { key: "total_ns", value: (row) => row.total.value },
    { key: "total_count", value: (row) => row.total.count },
    ...earlier ? [{ key: "earlier_total_ns", value: (row: Row) => earlier.get(keyOf(row)) ?? 0 }] : [],
  ];
}

const EXPORTS = { folded: "collapsed", pprof: "pprof", speedscope: "speedscope" } as const;

async function exportStacks({ io, rest, question }: Asker, format: StackFormat): Promise<number> {
  const params = { kind: question.kind, ...paramsOf(question) };
  if (format === "svg") {
    const { total, graph, selection, cut } = await rest.json<FlameJson>("/api/flamegraph", {
      ...params,
      min_per_mille: 0,
    });
    if (total.value === 0) return await nothing(io, question, selection);
    const subtitle = `${selection.from} to ${selection.to}${
      cut.nodes > 0 ? `, ${cut.nodes} small boxes summed` : ""
    }`;
    await write(io, flameSvg(graph, { title: `${question.kind} ${question.written}`.trim(), subtitle }));
    return STATUS.ok;
  }
  const { kind, ...selected } = params;
  // That format holds several kinds in one file.
  const asked = format === "speedscope" ? { kinds: kind, ...selected } : params;
  const bytes = await rest.bytes(`/api/export/${EXPORTS[format]}`, asked);
  if (format === "pprof") await showBytes(io, bytes, format);
  else await write(io, bytes);
  return STATUS.ok;
}
