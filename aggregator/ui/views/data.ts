// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view of the data themselves: which agents send them, what was lost, what has no names, and what is stored.
 *
 * @module
 */

import type { CoverageJson, FleetJson, StoreJson } from "../../http/answers.ts";
import type { App, View } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import { formatBytes, formatCount, formatNumber, formatShare, shortModule } from "../parts/format.ts";
import { Part } from "../parts/part.ts";
import { type Column, countColumn, DataTable } from "../parts/table.ts";
import { selectionParams } from "../state/api.ts";
import { clock } from "../state/range.ts";
import { withFilter } from "../state/selector.ts";
import type { Shown } from "../state/store.ts";
import { kindOf } from "../state/url_state.ts";
import { lossText } from "../parts/losses.ts";

type Agent = FleetJson["agents"][number];
type File = CoverageJson["files"][number];
type Table = StoreJson["tables"][number];

export class DataView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #agents: Part<FleetJson>;
  readonly #coverage: Part<CoverageJson>;
  readonly #store: Part<StoreJson>;
  #seconds = 1;

  constructor(app: App) {
    this.#app = app;
    const agents = new DataTable<Agent>({
      store: app.store,
      label: "Agents",
      rows: 12,
      columns: this.#agentColumns(),
      sort: 1,
      onrow: ({ node }) => {
        const match = withFilter(app.store.state.match, { label: "node", operator: "=", value: node });
        app.store.set({ view: "cpu", match });
      },
      empty: "No agent sent anything in this time",
    });
    const files = new DataTable<File>({
      store: app.store,
      label: "Coverage of names",
      rows: 12,
      columns: fileColumns(),
      sort: 2,
      empty: "No samples in this time",
    });
    const tables = new DataTable<Table>({
      store: app.store,
      label: "Storage",
      columns: this.#tableColumns(),
      sort: 2,
    });
    const disk = h("span", { class: "quiet" });
    const card = (title: string, note: string, content: HTMLElement, beside?: HTMLElement) =>
      h(
        "section",
        { class: "card", "aria-label": title },
        h("div", { class: "row" }, h("h2", {}, title), beside),
        h("p", { class: "quiet" }, note),
        content,
      );
    const cards = [
      card(
        "Agents",
        "Who sends, until when, and what could not be counted. A click shows the machine's CPU time.",
        agents.root,
      ),
      card(
        "Coverage of names",
        "The files that hide most time, as their functions have no names. A debug file of that build id, or a debuginfod server, names them.",
        files.root,
      ),
      card("Storage", "What is kept, by table.", tables.root, disk),
    ] as const;
    this.root = h("div", { class: "view data" }, ...cards);
    this.#agents = new Part<FleetJson>({ root: cards[0], draw: (answer) => agents.show(answer.agents) });
    this.#coverage = new Part<CoverageJson>({ root: cards[1], draw: (answer) => files.show(answer.files) });
    this.#store = new Part<StoreJson>({
      root: cards[2],
      draw: (answer) => {
        disk.textContent = `${formatBytes(answer.disk.free)} of ${
          formatBytes(answer.disk.total)
        } free on its disk`;
        tables.show(answer.tables);
      },
    });
  }

  update({ state, window }: Shown): void {
    const { api } = this.#app;
    this.#seconds = (window.to - window.from) / 1000;
    const range = selectionParams({ window, match: "" }, { limit: 1000 });
    this.#agents.ask(String(range), (signal) => api.get<FleetJson>("/api/fleet", range, signal));
    const kind = kindOf(state);
    const params = selectionParams({ kind, window, match: state.match, idle: state.idle }, { limit: 200 });
    this.#coverage.ask(String(params), (signal) => api.get<CoverageJson>("/api/coverage", params, signal));
    // What is stored has no time; a refresh asks again.
    this.#store.ask(
      String(window.to),
      (signal) => api.get<StoreJson>("/api/store", new URLSearchParams(), signal),
    );
  }

  leave(): void {
    for (const part of [this.#agents, this.#coverage, this.#store]) part.stop();
  }

  #timeColumn(title: string, of: (table: Table) => string | null): Column<Table> {
    return { title, value: (table) => of(table) ?? "", cell: (table) => this.#time(of(table)) };
  }

  #time(text: string | null): string {
    if (text === null) return "";
    return clock(Date.parse(text), {
      zone: this.#app.zone(),
      near: this.#app.store.window.to,
      seconds: true,
    });
  }

  #agentColumns(): Column<Agent>[] {
    const sum = (counts: Readonly<Record<string, number>>) =>
      Object.values(counts).reduce((a, b) => a + b, 0);
    return [
      {
        title: "Node",
        value: (agent) => agent.node,
        cell: (agent) => h("span", { class: "name" }, agent.node),
      },
      {
        title: "Last window",
        value: (agent) => -Date.parse(agent.last_end),
        plain: (agent) => agent.last_end,
        cell: (agent) => this.#time(agent.last_end),
      },
      {
        title: "CPU watched",
        hint: "Cores that were busy on the machine, on average",
        number: true,
        value: (agent) => agent.values["cpu"] ?? 0,
        cell: (agent) => `${formatNumber((agent.values["cpu"] ?? 0) / 1e9 / this.#seconds)} cores`,
      },
      {
        title: "Agent's CPU",
        hint: "What the agent itself takes, of one core",
        number: true,
        value: (agent) => agent.usage?.cores ?? 0,
        cell: (agent) => agent.usage ? formatShare(agent.usage.cores, 1) : "–",
      },
      {
        title: "Agent's memory",
        hint: "What the agent itself had in RAM at the end of its last window",
        number: true,
        minor: true,
        value: (agent) => agent.usage?.memory_bytes ?? 0,
        cell: (agent) => agent.usage ? formatBytes(agent.usage.memory_bytes) : "–",
      },
      countColumn("Windows", (agent) => agent.batches),
      {
        title: "Whole stacks",
        number: true,
        value: (agent) => (agent.stack_ends["complete"] ?? 0) / (sum(agent.stack_ends) || 1),
        cell: (agent) => formatShare(agent.stack_ends["complete"] ?? 0, sum(agent.stack_ends)),
      },
      {
        title: "Lost, or incomplete",
        value: (agent) => sum(agent.losses),
        cell: (agent) => h("span", { class: "wide", title: lossText(agent.losses) }, lossText(agent.losses)),
      },
      {
        title: "Started",
        minor: true,
        value: (agent) => Date.parse(agent.started),
        plain: (agent) => agent.started,
        cell: (agent) => `${this.#time(agent.started)}${agent.runs > 1 ? `, ${agent.runs} times` : ""}`,
      },
      { title: "Version", minor: true, value: (agent) => agent.version, cell: (agent) => agent.version },
    ];
  }

  #tableColumns(): Column<Table>[] {
    return [
      { title: "Table", value: (table) => table.name, cell: (table) => table.name },
      { title: "Rows", number: true, value: (table) => table.rows, cell: (table) => formatCount(table.rows) },
      {
        title: "Size",
        number: true,
        value: (table) => table.bytes,
        cell: (table) => formatBytes(table.bytes),
      },
      {
        title: "A row",
        number: true,
        minor: true,
        value: (table) => table.bytes / Math.max(1, table.rows),
        cell: (table) => `${(table.bytes / Math.max(1, table.rows)).toFixed(1)} B`,
      },
      countColumn("Parts", (table) => table.parts),
      this.#timeColumn("Oldest", (table) => table.oldest),
      this.#timeColumn("Newest", (table) => table.newest),
    ];
  }
}

function fileColumns(): Column<File>[] {
  const share = (title: string, hint: string, value: (file: File) => number): Column<File> => ({
    title,
    hint,
    number: true,
    value,
    cell: (file) => formatShare(value(file), file.total.value),
    bar: (file) => value(file) / Math.max(1, file.total.value),
  });
  return [
    {
      title: "File",
      value: (file) => file.module,
      cell: (file) => h("span", { class: "name", title: file.module }, shortModule(file.module) || "(none)"),
    },
    share(
      "No names",
      "Of the time through the file, what has a function without a name",
      (file) => file.unnamed.value,
    ),
    {
      title: "Time without names",
      number: true,
      value: (file) => file.unnamed.value,
      cell: (file) => `${formatNumber(file.unnamed.value / 1e9)} s`,
    },
    share(
      "No lines",
      "Of the time through the file, what has a function without debug information",
      (file) => file.without_lines.value,
    ),
    {
      title: "What helps",
      minor: true,
      value: (file) => file.nameable ? 1 : 0,
      cell: (file) =>
        file.unnamed.value === 0 && file.without_lines.value === 0
          ? ""
          : file.nameable
          ? "its debug file"
          : "nothing: no file",
    },
    {
      title: "Build id",
      minor: true,
      value: (file) => file.build_id,
      cell: (file) => h("code", {}, file.build_id.slice(0, 16)),
    },
  ];
}
