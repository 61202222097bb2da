// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view of system calls: how many, how long, what failed, and who called.
 *
 * @module
 */

import type { HeatmapJson, SyscallsJson } from "../../http/answers.ts";
import { pictureFiles, preparePen } from "../flame/picture.ts";
import { GraphPane } from "../graph/graph_pane.ts";
import type { App, View } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import { fileName, formatCount, formatNs, formatShare, shortModule } from "../parts/format.ts";
import { latencyPicture } from "../parts/histogram.ts";
import { exportButton } from "../parts/menu.ts";
import { Part } from "../parts/part.ts";
import { DataTable } from "../parts/table.ts";
import { WaitsCard } from "../parts/waits_card.ts";
import { selectionParams } from "../state/api.ts";
import { clock, stepOf } from "../state/range.ts";
import { withFilter } from "../state/selector.ts";
import type { Shown } from "../state/store.ts";
import { callColumns, type Row } from "./call_columns.ts";
import { SlowCallsBox } from "./slow_calls.ts";

const MOST_CALLS = 300;
const MOST_CALLERS = 200;

export class CallsView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #calls: Part<SyscallsJson>;
  readonly #heat: Part<HeatmapJson>;
  readonly #callers: Part<SyscallsJson>;
  readonly #table: DataTable<Row>;
  readonly #callerTable: DataTable<Row>;
  readonly #canvas = h("canvas", { class: "latencies", role: "img" });
  readonly #slow: SlowCallsBox;
  readonly #errors = h("ul", { class: "errors" });
  readonly #opened: HTMLElement;
  readonly #title = h("h2", {});
  readonly #card: WaitsCard;
  readonly #graph: GraphPane;
  #total = 1;
  #callersTotal = 1;

  constructor(app: App) {
    this.#app = app;
    this.#slow = new SlowCallsBox(app.store);
    this.#table = new DataTable<Row>({
      store: app.store,
      label: "System calls",
      rows: 14,
      columns: callColumns(() => this.#total, "Call", (row) => row.call),
      isMarked: (row) => row.call === app.store.state.pick,
      onrow: (row) => app.store.set({ pick: row.call === app.store.state.pick ? "" : row.call, zoom: "" }),
      empty: "No system call in this time",
    });
    this.#callerTable = new DataTable<Row>({
      store: app.store,
      label: "Callers",
      rows: 8,
      columns: callColumns(
        () => this.#callersTotal,
        "Process",
        (row) => shortModule(row.group[0] ?? "") || "(none)",
      ),
      onrow: (row) =>
        app.store.set({
          match: withFilter(app.store.state.match, {
            label: "process",
            operator: "=",
            value: row.group[0] ?? "",
          }),
        }),
    });
    this.#card = new WaitsCard(app, { title: "System calls", which: "Which calls", all: "With waiting" });
    const list = this.#card.root;
    list.append(this.#table.root);
    const heat = h(
      "div",
      {},
      h(
        "div",
        { class: "row" },
        h("h3", {}, "How long, over time"),
        h("span", { class: "grow" }),
        exportButton(() => {
          const { answer } = this.#heat;
          if (!answer) return [];
          const name = fileName(`latencies-${app.store.state.pick}`, answer.selection.to);
          return pictureFiles(this.#heatPicture(answer), name);
        }),
      ),
      this.#canvas,
    );
    const callers = h("div", {}, h("h3", {}, "Who calls"), this.#callerTable.root);
    this.#opened = h(
      "section",
      { class: "card opened", hidden: true },
      this.#title,
      this.#errors,
      this.#slow.root,
      h("div", { class: "columns" }, heat, callers),
    );
    this.#graph = new GraphPane(app, "Stacks of slow calls");
    this.root = h("div", { class: "view calls" }, list, this.#opened, this.#graph.root);
    this.#calls = new Part<SyscallsJson>({ root: list, draw: (answer) => this.#draw(answer) });
    this.#heat = new Part<HeatmapJson>({ root: heat, draw: (answer) => this.#drawHeat(answer) });
    this.#callers = new Part<SyscallsJson>({
      root: callers,
      draw: (answer) => {
        this.#callersTotal = Math.max(1, answer.total.value);
        this.#callerTable.show(answer.rows);
      },
    });
    new ResizeObserver(() => this.#heat.answer && this.#drawHeat(this.#heat.answer)).observe(heat);
  }

  update({ state, window }: Shown): void {
    const asked = { window, match: state.match, idle: state.idle };
    const params = selectionParams(asked, { limit: MOST_CALLS });
    const { api } = this.#app;
    this.#card.choose(state.idle);
    this.#calls.ask(String(params), (signal) => api.get<SyscallsJson>("/api/syscalls", params, signal));
    const call = state.pick;
    this.#opened.hidden = call === "";
    if (call !== "") {
      const heat = selectionParams(asked, { call, step: stepOf(window, 120) });
      this.#heat.ask(String(heat), (signal) => api.get<HeatmapJson>("/api/syscalls/heatmap", heat, signal));
      const callers = selectionParams(asked, { call, group_by: "process", limit: MOST_CALLERS });
      this.#callers.ask(String(callers), (signal) => api.get<SyscallsJson>("/api/syscalls", callers, signal));
    }
    this.#graph.update(state, { kind: "syscall", ...asked, ...(call && { through: call }) });
  }

  press(key: string): boolean {
    if (key === "Escape" && this.#app.store.state.pick !== "") {
      this.#app.store.set({ pick: "" });
      return true;
    }
    return this.#graph.press(key);
  }

  leave(): void {
    for (const part of [this.#calls, this.#heat, this.#callers, this.#graph]) part.stop();
  }

  #draw(answer: SyscallsJson): void {
    this.#total = Math.max(1, answer.total.value);
    this.#table.show(answer.rows);
    const open = answer.rows.reduce((sum, row) => sum + row.open, 0);
    this.#card.say(
      `${formatNs(answer.total.value)} in calls`,
      open > 0 && `${formatCount(open)} go on`,
      answer.hidden.value > 0 && `waiting hidden: ${formatNs(answer.hidden.value)} (polls, sleeps, timers)`,
    );
    const row = answer.rows.find(({ call }) => call === this.#app.store.state.pick);
    this.#title.textContent = row
      ? `${row.call}: ${formatCount(row.total.count)} calls, ${formatNs(row.total.value)}`
      : "";
    this.#errors.replaceChildren(
      ...Object.entries(row?.errors ?? {}).map(([name, count]) =>
        h(
          "li",
          {},
          h("strong", {}, name),
          ` ${formatCount(count)} · ${formatShare(count, row!.total.count)} of the calls`,
        )
      ),
    );
    this.#slow.show(row?.slow);
  }

  #drawHeat(answer: HeatmapJson): void {
    const picture = this.#heatPicture(answer);
    if (picture.width === 0) return;
    picture.draw(preparePen(this.#canvas, picture));
    this.#canvas.setAttribute("aria-label", picture.text);
  }

  #heatPicture(answer: HeatmapJson) {
    const zone = this.#app.zone();
    const { to } = this.#app.store.window;
    return latencyPicture(answer, {
      width: this.#canvas.parentElement!.clientWidth,
      theme: this.#app.theme(),
      clock: (ms) => clock(ms, { zone, near: to }),
    });
  }
}
