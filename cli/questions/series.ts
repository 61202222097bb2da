// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture series` and `aperture labels`: how much over time, and what there is to choose from.
 *
 * @module
 */

import * as v from "valibot";
import type { LabelNamesJson, LabelValuesJson, TimelineJson } from "../../aggregator/http/answers.ts";
import { defineSettings, duration, text } from "../../common/settings.ts";
import type { AnyKind } from "../../profile/profile_type.ts";
import { SERVER_SETTINGS } from "../ask/rest.ts";
import { kindOf, paramsOf, questionOf, SELECTION_SETTINGS } from "../ask/selection.ts";
import { labelOf, WORDS } from "../ask/selector.ts";
import { defineCommand, STATUS } from "../command.ts";
import { amount, cores, formatCount, part, range } from "../show/figures.ts";
import { limitSettings, outputSettings, ROW_FORMATS, show } from "../show/output.ts";
import { headLine, stagedNotes, surroundings } from "../show/head.ts";
import { nothing, withRest } from "./asking.ts";

/** Is one step of one lane. */
interface Point {
  readonly at: string;
  readonly lane: TimelineJson["lanes"][number];
  readonly step: number;
}

const BARS = "▁▂▃▄▅▆▇█";
/** A picture of a line has so many columns at most. */
const PICTURE = 48;

export const series = defineCommand({
  name: "series",
  group: "Ask an aggregator",
  summary: "How much over time, by any label",
  usage: "series [cpu|lock|syscall] [SELECTOR …] [--by NAME] [--step TIME]",
  words: ["cpu", "lock", "syscall"],
  settings: defineSettings({
    by: {
      flag: "by",
      placeholder: "NAME",
      help: "A line for each: function, process, pod, node, …",
      default: "node",
      schema: text(),
    },
    step: {
      flag: "step",
      placeholder: "TIME",
      help: "One value for each so long; tens of seconds",
      default: "1m",
      schema: v.pipe(
        duration(10_000, 86_400_000),
        v.check((ms) => ms % 10_000 === 0, "a time of tens of seconds"),
      ),
    },
    ...limitSettings(7, 200),
    ...SELECTION_SETTINGS,
    ...outputSettings(ROW_FORMATS),
    ...SERVER_SETTINGS,
  }),
  examples: [
    { line: "aperture series cpu", does: "cores of each node over the last 15 minutes" },
    { line: "aperture series cpu --by pod --step 1m --since 1h", does: "of each pod" },
    { line: "aperture series lock --by process -n 3", does: "the three programs that wait longest" },
    { line: "aperture series syscall node=node-1 --step 10s", does: "calls of one node" },
    { line: "aperture series cpu --by function -o csv", does: "a row for each function and step" },
  ],
  run: async ({ values, rest: args, io }) => {
    const { kind, words } = kindOf(args);
    const question = questionOf(kind, words, values);
    return await withRest(values, io, async (rest) => {
      const by = values.by === "function" ? "function" : labelOf(values.by);
      const params = { kind, ...paramsOf(question), by, step: values.step / 1000, limit: values.limit };
      const [text, around] = await Promise.all([
        rest.get("/api/timeline", params),
        surroundings(rest, question),
      ]);
      const answer = JSON.parse(text) as TimelineJson;
      const { lanes, step, selection, quality } = answer;
      const total = {
        value: lanes.reduce((sum, { value }) => sum + all(value), 0),
        count: lanes.reduce((sum, { count }) => sum + all(count), 0),
      };
      if (total.count === 0 && total.value === 0) return await nothing(io, question, answer.selection);
      const shared = {
        format: values.output,
        quiet: values.quiet,
        head: headLine({ selection, written: question.written, total, around, now: io.now() }),
        json: text,
        notes: stagedNotes(quality),
      };
      if (values.output === "table" || values.output === "wide") {
        await show(io, { ...shared, sheet: { columns: laneColumns(kind, values.by, step), rows: lanes } });
      } else {
        const first = Date.parse(answer.from);
        const rows = lanes.flatMap((lane) =>
          lane.value.map((_, i) => ({ at: new Date(first + i * step * 1000).toISOString(), lane, step: i }))
        );
        await show(io, { ...shared, sheet: { columns: pointColumns(values.by), rows } });
      }
      return STATUS.ok;
    });
  },
});

function all(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function laneColumns(kind: AnyKind, by: string, step: number) {
  type Lane = TimelineJson["lanes"][number];
  const rate = (ns: number, steps: number) =>
    kind === "cpu" ? `${cores(ns, steps * step * 1000)}` : `${amount(kind, ns / steps / step)}/s`;
  const unit = kind === "cpu" ? " CORES" : "";
  return [
    { head: `MEAN${unit}`, cell: ({ value }: Lane) => rate(all(value), value.length) },
    { head: `MOST${unit}`, cell: ({ value }: Lane) => rate(Math.max(...value), 1), spare: 1 },
    { head: "COUNT", cell: ({ count }: Lane) => formatCount(all(count)), spare: 3 },
    { head: "OVER TIME", cell: ({ value }: Lane) => picture(value), text: true, spare: 2 },
    {
      head: by.toUpperCase(),
      cell: ({ name, rest }: Lane) => rest ? "all others" : name || "–",
      text: true,
      least: 16,
    },
  ];
}

/** Returns the values as bars, the largest as high as there is; several steps are one bar where there are many. */
function picture(values: readonly number[]): string {
  const width = Math.ceil(values.length / PICTURE);
  const bars = Array.from({ length: Math.ceil(values.length / width) }, (_, i) => {
    return Math.max(...values.slice(i * width, (i + 1) * width));
  });
  const most = Math.max(...bars);
  return bars.map((bar) => bar === 0 ? " " : BARS[Math.ceil(bar / most * BARS.length) - 1]!).join("");
}

function pointColumns(by: string) {
  return [
    { key: "time", value: ({ at }: Point) => at },
    { key: by, value: ({ lane }: Point) => lane.rest ? "" : lane.name },
    { key: "others", value: ({ lane }: Point) => String(lane.rest) },
    { key: "ns", value: ({ lane, step }: Point) => lane.value[step]! },
    { key: "count", value: ({ lane, step }: Point) => lane.count[step]! },
  ];
}

export const labels = defineCommand({
  name: "labels",
  group: "Ask an aggregator",
  summary: "What can be chosen by: labels, and their values with what they cost",
  usage: "labels [NAME [cpu|lock|syscall] [SELECTOR …]]",
  settings: defineSettings({
    ...limitSettings(50),
    ...SELECTION_SETTINGS,
    ...outputSettings(ROW_FORMATS),
    ...SERVER_SETTINGS,
  }),
  examples: [
    { line: "aperture labels", does: "the labels that there are" },
    { line: "aperture labels service", does: "services, those that use most CPU first" },
    { line: "aperture labels process node=node-1", does: "programs of one node" },
    { line: "aperture labels pod lock --since 1h", does: "pods that waited for locks" },
    { line: "aperture labels node -o tsv", does: "for a script" },
  ],
  run: async ({ values, rest: [name, ...args], io }) => {
    const { kind, words } = kindOf(args);
    return await withRest(values, io, async (rest) => {
      if (name === undefined) {
        const text = await rest.get("/api/labels");
        const rows = [...(JSON.parse(text) as LabelNamesJson).labels, ...WORDS];
        const columns = [{ head: "LABEL", cell: String, text: true, key: "label", value: String }];
        await show(io, {
          format: values.output,
          quiet: values.quiet,
          head: "",
          sheet: { columns, rows },
          json: text,
        });
        return STATUS.ok;
      }
      const question = questionOf(kind, words, values);
      const params = { label: labelOf(name), kind, ...paramsOf(question), limit: values.limit };
      const text = await rest.get("/api/labels", params);
      const answer = JSON.parse(text) as LabelValuesJson;
      if (answer.values.length === 0) return await nothing(io, question, answer.selection);
      const whole = answer.values.reduce((sum, { total }) => sum + total.value, 0);
      type Row = LabelValuesJson["values"][number];
      const { from, to } = answer.selection;
      await show(io, {
        format: values.output,
        quiet: values.quiet,
        head: `${kind} · ${question.written || "everything"} · ${range(from, to, io.now())}`,
        json: text,
        sheet: {
          rows: answer.values,
          columns: [
            { head: "SHARE", cell: ({ total }: Row) => part(total.value, whole) },
            {
              head: "AMOUNT",
              cell: ({ total }: Row) => amount(kind, total.value),
              key: "ns",
              value: ({ total }: Row) => total.value,
            },
            { key: "count", value: ({ total }: Row) => total.count },
            {
              head: name.toUpperCase(),
              cell: ({ value }: Row) => value || "–",
              text: true,
              least: 20,
              key: name,
              value: ({ value }: Row) => value,
            },
          ],
        },
        notes: answer.values.length === values.limit
          ? [`There may be more than these ${values.limit}: -n shows more`]
          : [],
      });
      return STATUS.ok;
    });
  },
});
