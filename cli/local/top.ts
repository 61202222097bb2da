// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture top`: what takes the time just now, of this machine or of an aggregator's fleet.
 *
 * @module
 */

import type { AggregateJson } from "../../aggregator/http/answers.ts";
import { holderTable } from "../../agent/output/holder_table.ts";
import { lockTable } from "../../agent/output/lock_table.ts";
import { syscallTable } from "../../agent/output/syscall_table.ts";
import { summaryLine } from "../../agent/output/top_table.ts";
import { UserError } from "../../common/main.ts";
import { defineSettings, duration, integer, oneOf, toggle, type Values } from "../../common/settings.ts";
import { settledWithin } from "../../common/timeout.ts";
import { viewOf } from "../../profile/idle.ts";
import { type Batch, KINDS, type Profile, totalOf } from "../../profile/model.ts";
import { ofProcess } from "../report/of_process.ts";
import { sumsBy } from "../report/sums.ts";
import { Rest, SERVER_SETTINGS } from "../ask/rest.ts";
import { bodyOf, questionOf, SELECTION_SETTINGS } from "../ask/selection.ts";
import { quoted } from "../ask/selector.ts";
import { defineCommand, STATUS } from "../command.ts";
import { type Io, say, write } from "../io.ts";
import { amount, cores, part } from "../show/figures.ts";
import { faint, table } from "../show/sheet.ts";
import { RunningPart } from "./parts.ts";
import { Receiver } from "./receiver.ts";
import { footer, press, type View } from "./view.ts";

const { default: _none, ...SERVER } = SERVER_SETTINGS.server;

const SETTINGS = defineSettings({
  mode: {
    flag: "mode",
    alias: "m",
    placeholder: "KIND",
    help: "cpu, lock or syscall",
    default: "cpu",
    schema: oneOf(KINDS),
  },
  limit: {
    flag: "limit",
    alias: "n",
    placeholder: "N",
    help: "So many rows",
    default: "20",
    schema: integer(1, 1000),
  },
  interval: {
    flag: "interval",
    alias: "i",
    placeholder: "TIME",
    help: "A new picture so often",
    default: "2s",
    schema: duration(1000, 60_000, { seconds: true }),
  },
  count: {
    flag: "count",
    placeholder: "N",
    help: "So many pictures, then end",
    schema: integer(1, 1_000_000),
  },
  idle: SELECTION_SETTINGS.idle,
  here: {
    flag: "here",
    placeholder: "",
    help: "This machine, also where APERTURE_SERVER is set",
    schema: toggle(),
  },
  ...SERVER_SETTINGS,
  server: { ...SERVER, help: "Ask this aggregator; without it, this machine is watched" },
});

type Given = Values<typeof SETTINGS>;

export const top = defineCommand({
  name: "top",
  group: "On this machine",
  summary: "What takes the time just now, live",
  usage: "top [SELECTOR …] [-m KIND] [-n N] [-i TIME] [--idle]",
  about:
    `Keys: 1, 2, 3 for cpu, lock and syscall, / for rows with a text, p for one process, i for idle threads, too, q ends.
In a pipe it writes one picture after the other. Without --server it watches this machine, for which it needs root.`,
  words: [],
  settings: SETTINGS,
  examples: [
    { line: "aperture top --here --count 2 -i 1s", does: "this machine, twice; without --count until q" },
    { line: "aperture top --here -m syscall --count 1 -i 2s", does: "its system calls" },
    { line: "aperture top --here -m lock --count 1 -i 1s -n 5", does: "who waits for locks" },
    { line: "aperture top service=shop --count 1", does: "of a fleet, where APERTURE_SERVER is set" },
    { line: "aperture top -m lock node=node-1 --count 1 -n 5", does: "who waits on one node" },
  ],
  run: async ({ values, rest: words, io }) => {
    if (values.server !== undefined && !values.here) {
      return await watchFleet({ values, server: values.server, words, io });
    }
    if (words.length > 0) {
      throw new UserError("Cannot choose by a selector on this machine: p chooses a process");
    }
    return await watchHere(values, io);
  },
});

/** Gives the lines of a picture; it may wait for news, but not beyond `changed`. */
type Picture = (view: View, changed: Promise<void>) => Promise<string>;

async function watchFleet(
  { values, server, words, io }: { values: Given; server: URL; words: readonly string[]; io: Io },
): Promise<number> {
  using rest = new Rest({ ...values, server }, io.signal);
  // Agents push every ten seconds: in less there may be nothing.
  const since = Math.max(60_000, 5 * values.interval);
  return await loop(io, values, async (view) => {
    const chosen = view.process === "" ? words : [...words, `process=${quoted(view.process)}`];
    const question = questionOf(view.kind, chosen, {
      since,
      from: undefined,
      to: undefined,
      idle: view.idle,
    });
    const answer = JSON.parse(
      await rest.send("/api/aggregate", { ...bodyOf(question), limit: 1000 }),
    ) as AggregateJson;
    const rows = answer.rows.map(({ group, module, self, total }) => ({
      ...{ name: group[0]!, module, self: self.value, total: total.value },
    }));
    const { from, to } = answer.selection;
    const ms = Date.parse(to) - Date.parse(from);
    const head = `${view.kind} of the last ${since / 1000} s · ${chosen.join(" ") || "everything"} · ` +
      (view.kind === "cpu"
        ? `${cores(answer.total.value, ms)} cores`
        : amount(view.kind, answer.total.value));
    return `${head}\n${rowsTable(io, { view, values, rows, whole: answer.total.value })}`;
  });
}

async function watchHere(values: Given, io: Io): Promise<number> {
  let latest: Batch | undefined;
  let wake = Promise.withResolvers<void>();
  await using receiver = await Receiver.start((batch) => {
    latest = batch;
    wake.resolve();
    wake = Promise.withResolvers();
  });
  await using agent = new RunningPart("agent", [
    // Keys choose another kind; without them one is enough.
    `--mode=${io.terminal ? "all" : values.mode}`,
    `--aggregator=${receiver.url}`,
    `--push-interval=${values.interval}ms`,
    "--log-level=error",
  ], { stderr: io.terminal ? "null" : "inherit" });
  await say(io, "Reading the tables of what runs here…");
  const stop = () => wake.resolve();
  io.signal.addEventListener("abort", stop, { once: true });
  void agent.status.then(stop);
  while (latest === undefined && !agent.ended && !io.signal.aborted) await wake.promise;
  if (agent.ended) throw new UserError("Cannot watch this machine: `aperture record -d 1s` says why");
  let drawn: { readonly batch: Batch; readonly view: View } | undefined;
  return await loop(io, values, async (view, changed) => {
    // One that is late on a busy machine is waited for.
    while (latest === drawn?.batch && view === drawn?.view && !agent.ended && !io.signal.aborted) {
      const before = wake.promise;
      await Promise.race([before, changed]);
      if (wake.promise === before) break;
    }
    if (agent.ended && !io.signal.aborted) {
      throw new UserError("The agent has ended: `aperture record -d 1s` says why");
    }
    drawn = { batch: latest!, view };
    return here(io, { view, values, batch: drawn.batch });
  });
}

function here(io: Io, { view, values, batch }: { view: View; values: Given; batch: Batch }): string {
  const { kind, process, idle } = view;
  const profile: Profile = process === "" ? batch : ofProcess(batch, process);
  const durationNs = Number(batch.endNs - batch.startNs);
  const head = summaryLine(profile, { kind, durationNs, losses: batch.losses });
  const options = { limit: values.limit, width: io.width(), colors: io.colors, idle };
  if (kind === "lock") {
    const tables = [lockTable(profile, options), holderTable(profile, options)].filter((table) =>
      table !== ""
    );
    return `${head}\n${tables.map((table) => only(view, table)).join("\n")}`;
  }
  if (kind === "syscall") return `${head}\n${only(view, syscallTable(profile, options))}`;
  const shown = viewOf(profile, kind, { idle });
  return `${head}\n${
    rowsTable(io, { view, values, rows: sumsBy(shown, kind, "function"), whole: totalOf(shown, kind).value })
  }`;
}

/** Keeps the head of a table, and lines with the text that is looked for. */
function only({ filter }: View, text: string): string {
  return text.split("\n").filter((line, i) => i === 0 || filter === "" || line.includes(filter)).join("\n");
}

interface Row {
  readonly name: string;
  readonly module: string;
  readonly self: number;
  readonly total: number;
}

function rowsTable(
  io: Io,
  { view, values, rows, whole }: { view: View; values: Given; rows: readonly Row[]; whole: number },
): string {
  const shown = rows.filter(({ name, module }) => name.includes(view.filter) || module.includes(view.filter));
  return table({
    columns: [
      { head: "SELF", cell: (row) => part(row.self, whole) },
      { head: "TOTAL", cell: (row) => part(row.total, whole), spare: 1 },
      { head: "TIME", cell: (row) => amount(view.kind, row.self), spare: 2 },
      { head: "FUNCTION", cell: (row) => row.name, text: true, least: 16 },
      { head: "MODULE", cell: (row) => row.module, text: true, least: 10, spare: 3 },
    ],
    rows: shown.slice(0, values.limit),
  }, { width: io.width(), colors: io.colors }).text;
}

/** Shows pictures until the user has enough: on a terminal one in place of the other, with keys. */
async function loop(
  io: Io,
  { mode, interval, idle = false, count = Infinity }: Given,
  picture: Picture,
): Promise<number> {
  let view: View = { kind: mode, filter: "", process: "", idle, typing: undefined, ended: false };
  let changed = Promise.withResolvers<void>();
  using keys = readKeys(io, (text) => {
    view = press(view, text);
    changed.resolve();
  });
  io.signal.addEventListener("abort", () => changed.resolve(), { once: true });
  for (let shown = 0; shown < count && !view.ended && !io.signal.aborted; shown++) {
    const began = performance.now();
    changed = Promise.withResolvers();
    let text = await picture(view, changed.promise);
    for (;;) {
      await draw(io, text, view, keys.live);
      const left = interval - (performance.now() - began);
      if (left <= 0 || view.ended || io.signal.aborted || shown + 1 >= count) break;
      changed = Promise.withResolvers();
      const before = view;
      await settledWithin(left, changed.promise);
      if (view === before) break;
      if (view.typing === undefined && !view.ended) text = await picture(view, changed.promise);
    }
  }
  return STATUS.ok;
}

async function draw(io: Io, text: string, view: View, live: boolean): Promise<void> {
  if (!live) return await write(io, `${text.trimEnd()}\n\n`);
  await write(io, `\x1b[H\x1b[2J${text.trimEnd()}\n\n${faint(footer(view), io.colors)}\n`);
}

/** Reads single keys while a person is at both ends; the terminal is as before when it is disposed of. */
function readKeys(io: Io, take: (text: string) => void): Disposable & { readonly live: boolean } {
  const live = io.terminal && Deno.stdin.isTerminal();
  if (!live) return { live, [Symbol.dispose]() {} };
  Deno.stdin.setRaw(true);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(256);
  let over = false;
  const read = async () => {
    for (let n = await Deno.stdin.read(buffer); n !== null && !over; n = await Deno.stdin.read(buffer)) {
      take(decoder.decode(buffer.subarray(0, n), { stream: true }));
    }
  };
  // A terminal that is gone sends nothing more.
  read().catch(() => {});
  return {
    live,
    [Symbol.dispose]() {
      over = true;
      Deno.stdin.setRaw(false);
    },
  };
}
