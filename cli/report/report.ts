// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture report FILE`: what a profile in a file says, without a server.
 *
 * @module
 */

import { flameSvg, MIN_SHARE } from "../../agent/output/svg.ts";
import { formatAmount } from "../../agent/output/amount.ts";
import { counted } from "../../common/words.ts";
import { defineSettings, oneOf, text, toggle, UsageError, type Values } from "../../common/settings.ts";
import { knownLevels } from "../../profile/first_levels.ts";
import { flameGraph } from "../../profile/flame.ts";
import { foldedStacks } from "../../profile/formats/folded.ts";
import { profileJson } from "../../profile/formats/json.ts";
import { speedscopeJson } from "../../profile/formats/speedscope.ts";
import { pprofBytes } from "../../profile/formats/pprof.ts";
import { viewOf } from "../../profile/idle.ts";
import { type Profile, totalOf } from "../../profile/model.ts";
import { taggedView } from "../../profile/tagged_view.ts";
import { defineCommand, refuseRest, STATUS } from "../command.ts";
import type { Loaded, Unit } from "../files/loaded.ts";
import { readProfile } from "../files/read.ts";
import { type Io, say, write } from "../io.ts";
import {
  limitSettings,
  outputSettings,
  ROW_FORMATS,
  show,
  showBytes,
  STACK_FORMATS,
  type StackFormat,
} from "../show/output.ts";
import { formatCount, part } from "../show/figures.ts";
import type { Column } from "../show/sheet.ts";
import { treeColumns } from "./columns.ts";
import { type Group, GROUPS, type SumRow, sumsBy } from "./sums.ts";
import { callerTree, callTree, treeLines } from "./tree.ts";

const SETTINGS = defineSettings({
  by: {
    flag: "by",
    placeholder: "NAME",
    help: `Sum by one of ${GROUPS.join(", ")}`,
    default: "function",
    schema: oneOf(GROUPS),
  },
  type: {
    flag: "type",
    alias: "t",
    placeholder: "TYPE",
    help: "What of the file: cpu, lock or syscall, or as a pprof file calls it, such as inuse_space",
    schema: text(),
  },
  callers: {
    flag: "callers",
    placeholder: "FUNCTION",
    help: "Who calls this function, as a tree",
    schema: text(),
  },
  tree: {
    flag: "tree",
    placeholder: "",
    help: "The stacks as a tree, from the process on",
    schema: toggle(),
  },
  idle: {
    flag: "idle",
    placeholder: "",
    help: "Include waits and calls of threads that have nothing to do",
    schema: toggle(),
  },
  ...limitSettings(20, 100_000),
  ...outputSettings([...ROW_FORMATS, ...STACK_FORMATS]),
});

export const report = defineCommand({
  name: "report",
  group: "On this machine",
  summary: "What a profile in a file says: pprof, JSON or folded stacks",
  usage: "report FILE [--by NAME | --tree | --callers FUNCTION] [-o FORMAT]",
  about:
    `It reads Aperture's own files and pprof profiles of others (heap, goroutines), gzipped or not, and turns one
format into another.`,
  settings: SETTINGS,
  examples: [
    { line: "aperture report profile.json", does: "the hottest functions" },
    { line: "aperture report cpu.pb.gz --by process", does: "by process, of a pprof file" },
    { line: "aperture report stacks.folded --tree -n 30", does: "as a tree, the 30 largest nodes" },
    { line: "aperture report cpu.pb.gz --callers parse_json", does: "who calls a function" },
    { line: "aperture report profile.json -o svg > flame.svg", does: "a flame graph of it" },
  ],
  run: async ({ values, rest, io }) => {
    const [file] = rest;
    if (file === undefined) throw new UsageError("Missing a file: aperture report FILE");
    refuseRest(rest, 1);
    const loaded = await readProfile(file, values.type);
    const idle = values.idle ?? false;
    const profile = viewOf(loaded.profile, loaded.kind, { idle });
    if (totalOf(profile, loaded.kind).value === 0) {
      await say(io, `${file} has no samples of ${loaded.type}`);
      return STATUS.noData;
    }
    const format = STACK_FORMATS.find((format) => format === values.output);
    if (format) await convert(io, { file, loaded, profile, format, idle });
    else await describe(io, { loaded, profile, values });
    return STATUS.ok;
  },
});

async function convert(
  io: Io,
  { file, loaded, profile, format, idle }: {
    file: string;
    loaded: Loaded;
    profile: Profile;
    format: StackFormat;
    idle: boolean;
  },
): Promise<void> {
  const { kind, startNs, durationNs, type } = loaded;
  if (format === "folded") return await write(io, foldedStacks(profile, { kind }));
  if (format === "pprof") {
    const tagged = taggedView(loaded.profile, kind, { idle });
    return await showBytes(io, await pprofBytes(tagged, { kind, startNs, durationNs }), format);
  }
  const name = file.split("/").at(-1)!;
  if (format === "speedscope") return await write(io, speedscopeJson([{ kind, profile }], { name }));
  const graph = flameGraph(profile, { kind, minShare: MIN_SHARE, firstLevels: knownLevels(profile) });
  await write(io, flameSvg(graph, { title: `${type} of ${name}` }));
}

async function describe(
  io: Io,
  { loaded, profile, values }: { loaded: Loaded; profile: Profile; values: Values<typeof SETTINGS> },
): Promise<void> {
  const { kind, unit, type, types, startNs, durationNs, left } = loaded;
  const whole = totalOf(profile, kind);
  const amount = amountIn(unit);
  const head = [
    type,
    ...startNs > 0n ? [new Date(Number(startNs / 1_000_000n)).toISOString().replace(/\.\d+Z$/, "Z")] : [],
    ...durationNs > 0 ? [`${formatAmount(Math.round(durationNs), "nanoseconds")} long`] : [],
    amount(whole.value),
    ...whole.count > 0 ? [counted(whole.count, "sample", "samples")] : [],
    ...types.length > 1 ? [`also ${types.filter((other) => other !== type).join(", ")}: --type`] : [],
  ].join(" · ");
  const shared = {
    format: values.output as "table",
    quiet: values.quiet,
    head,
    json: profileJson(loaded.profile, { startNs, durationNs }),
  };
  const unsure = left > 0 ? [`${formatCount(left)} samples were left out: their values are no amounts`] : [];
  if (values.callers !== undefined || values.tree) {
    const root = values.callers === undefined
      ? callTree(profile, kind)
      : callerTree(profile, kind, values.callers);
    if (root.value === 0) {
      throw new UsageError(`Cannot find '${values.callers}': no function of the profile has this name`);
    }
    const { lines, left } = treeLines(root, values.limit);
    const notes = [
      ...left > 0 ? [`${counted(left, "node is", "nodes are")} too small to be shown: -n shows more`] : [],
      ...unsure,
    ];
    await show(io, { ...shared, sheet: { columns: treeColumns(whole.value, amount), rows: lines }, notes });
    return;
  }
  const rows = sumsBy(profile, kind, values.by);
  const shown = rows.slice(0, values.limit);
  const rest = rows.slice(shown.length).reduce((sum, { self }) => sum + self, 0);
  const notes = [
    ...rest > 0
      ? [`${part(rest, whole.value)} more is in ${rows.length - shown.length} rows: -n shows them`]
      : [],
    ...unsure,
  ];
  await show(io, {
    ...shared,
    sheet: { columns: sumColumns(values.by, whole.value, amount), rows: shown },
    notes,
  });
}

function amountIn(unit: Unit): (value: number) => string {
  if (unit === "nanoseconds") return (value) => formatAmount(Math.round(value), unit);
  if (unit === "count") return formatCount;
  return (value) =>
    value >= 2 ** 20 ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value / 1024).toFixed(1)} KiB`;
}

function sumColumns(by: Group, whole: number, amount: (value: number) => string): Column<SumRow>[] {
  const module: Column<SumRow> = {
    head: "MODULE",
    cell: ({ module }) => module,
    text: true,
    least: 10,
    spare: 3,
    key: "module",
    value: ({ module }) => module,
  };
  return [
    { head: "SELF", cell: ({ self }) => part(self, whole) },
    { head: "TOTAL", cell: ({ total }) => part(total, whole), spare: 1 },
    { head: "AMOUNT", cell: ({ self }) => amount(self), spare: 2 },
    {
      head: by.toUpperCase(),
      cell: ({ name }) => name,
      text: true,
      least: 16,
      key: by,
      value: ({ name }) => name,
    },
    ...by === "function" ? [module] : [],
    { key: "self", value: ({ self }) => self },
    { key: "total", value: ({ total }) => total },
    { key: "count", value: ({ count }) => count },
  ];
}
