// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view of locks: where threads wait for them, for how long, and for whom.
 *
 * @module
 */

import type { FlameJson, KindsJson, LocksJson } from "../../http/answers.ts";
import { GraphPane } from "../graph/graph_pane.ts";
import type { App, View } from "../parts/app.ts";
import { choice, h } from "../parts/dom.ts";
import { formatCount, formatNs, formatShare, shortModule } from "../parts/format.ts";
import { Part } from "../parts/part.ts";
import { DataTable } from "../parts/table.ts";
import { selectionParams } from "../state/api.ts";
import type { Shown } from "../state/store.ts";
import { drawFlow, type FlowSide } from "./lock_flow.ts";

type Site = LocksJson["sites"][number];

const MOST_SITES = 200;

export class LocksView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #sites: Part<LocksJson>;
  readonly #idle: Part<KindsJson>;
  readonly #waiters: Part<FlameJson>;
  readonly #table: DataTable<Site>;
  readonly #graph: GraphPane;
  readonly #flow = h("div", { class: "flow" });
  readonly #flowCard: HTMLElement;
  readonly #hidden = h("span", { class: "quiet" });
  readonly #which;
  #total = 1;

  constructor(app: App) {
    this.#app = app;
    this.#table = new DataTable<Site>({
      label: "Locks",
      rows: 12,
      columns: [
        {
          title: "Waited",
          number: true,
          value: (site) => site.total.value,
          cell: (site) =>
            h("span", { title: formatShare(site.total.value, this.#total) }, formatNs(site.total.value)),
          bar: (site) => site.total.value / this.#total,
        },
        {
          title: "Waits",
          number: true,
          value: (site) => site.total.count,
          cell: (site) => formatCount(site.total.count),
        },
        {
          title: "Mean",
          number: true,
          minor: true,
          value: (site) => site.total.value / Math.max(1, site.total.count),
          cell: (site) => formatNs(site.total.value / Math.max(1, site.total.count)),
        },
        { title: "Longest", number: true, value: (site) => site.max, cell: (site) => formatNs(site.max) },
        {
          title: "Waited in",
          value: (site) => site.function,
          cell: (site) =>
            h(
              "span",
              { class: "name", title: site.stack.join("\n") },
              site.function,
              h("small", {}, ` ${shortModule(site.module)}`),
            ),
        },
        {
          title: "Held by, or woken by",
          value: (site) => site.holders[0]?.function ?? "",
          cell: (site) => h("span", { class: "name" }, holdersText(site)),
        },
        {
          title: "Lock",
          minor: true,
          value: (site) => site.class,
          cell: (site) => site.type === "futex" ? site.class : `${site.class} (kernel)`,
        },
        {
          title: "Gave up",
          number: true,
          minor: true,
          value: (site) => site.timeouts + site.interrupted,
          cell: (site) =>
            h("span", {
              title: `${formatCount(site.timeouts)} timed out, ${formatCount(site.interrupted)} interrupted`,
            }, site.timeouts + site.interrupted > 0 ? formatCount(site.timeouts + site.interrupted) : ""),
        },
      ],
      isMarked: (site) => keyOf(site) === app.store.state.pick,
      onrow: (site) => app.store.set({ pick: keyOf(site), zoom: "" }),
      empty: "No thread waited for a lock in this time",
    });
    this.#which = choice("Which waits", [["work", "Work only"], ["all", "With idle threads"]], (which) => {
      app.store.set({ idle: which === "all" });
    });
    const list = h(
      "section",
      { class: "card", "aria-label": "Locks" },
      h(
        "div",
        { class: "row" },
        h("h2", {}, "Locks"),
        this.#hidden,
        h("span", { class: "grow" }),
        this.#which.root,
      ),
      this.#table.root,
    );
    this.#flowCard = h(
      "section",
      { class: "card", "aria-label": "Waiters, lock and holders" },
      h("h2", {}, "Who waits for whom"),
      this.#flow,
    );
    this.#graph = new GraphPane(app, "Stacks of those who waited");
    this.root = h("div", { class: "view locks" }, list, this.#flowCard, this.#graph.root);
    this.#sites = new Part<LocksJson>({ root: list, draw: (answer) => this.#draw(answer) });
    this.#idle = new Part<KindsJson>({ root: h("div"), draw: () => this.#showHidden() });
    this.#waiters = new Part<FlameJson>({ root: this.#flowCard, draw: () => this.#drawFlow() });
  }

  update({ state, window }: Shown): void {
    const asked = { window, match: state.match, idle: state.idle };
    const params = selectionParams(asked, { limit: MOST_SITES, holders: 8 });
    this.#which.show(state.idle ? "all" : "work");
    this.#sites.ask(String(params), (signal) => this.#app.api.get<LocksJson>("/api/locks", params, signal));
    const kinds = selectionParams({ window, match: state.match });
    this.#idle.ask(String(kinds), (signal) => this.#app.api.get<KindsJson>("/api/kinds", kinds, signal));
    const picked = state.pick.split("\t")[0];
    const waiters = selectionParams({ kind: "lock", ...asked }, {
      first_level: "process",
      max_nodes: 400,
      focus: picked,
    });
    this.#waiters.ask(
      String(waiters),
      (signal) => this.#app.api.get<FlameJson>("/api/flamegraph", waiters, signal),
    );
    this.#graph.update(state, { kind: "lock", ...asked, ...(picked && { through: picked }) });
  }

  press(key: string): boolean {
    if (key === "Escape" && this.#app.store.state.pick !== "") {
      this.#app.store.set({ pick: "" });
      return true;
    }
    return this.#graph.press(key);
  }

  leave(): void {
    for (const part of [this.#sites, this.#idle, this.#waiters, this.#graph]) part.stop();
  }

  #draw(answer: LocksJson): void {
    this.#total = Math.max(1, answer.total.value);
    this.#table.show(answer.sites);
    this.#showHidden();
    this.#drawFlow();
  }

  #showHidden(): void {
    const all = this.#idle.answer?.kinds.find(({ kind }) => kind === "lock")?.total.value;
    const shown = this.#sites.answer?.total.value;
    const { idle } = this.#app.store.state;
    if (all === undefined || shown === undefined) return;
    const size = formatNs(Math.max(0, all - shown));
    this.#hidden.textContent = `${formatNs(shown)} waited` +
      (idle || all <= shown ? "" : ` · idle threads hidden: ${size} (pools, condition variables, timers)`);
  }

  #drawFlow(): void {
    const [sites, waiters] = [this.#sites.answer?.sites, this.#waiters.answer];
    if (!sites || !waiters) return;
    const { pick } = this.#app.store.state;
    const shown = pick === "" ? sites : sites.filter((site) => keyOf(site) === pick);
    this.#flowCard.hidden = shown.length === 0;
    const level = waiters.graph.levels[1];
    const processes = (level?.name ?? []).map((name, i): FlowSide => ({
      name: shortModule(waiters.graph.names[name]!),
      detail: waiters.graph.names[name]!,
      value: level!.width[i]!,
    }));
    const holders = new Map<string, FlowSide>();
    for (const site of shown) {
      for (const holder of site.holders) {
        const known = holders.get(holder.function)?.value ?? 0;
        holders.set(holder.function, {
          name: holder.function || "not seen",
          detail: holder.module,
          value: known + holder.total.value,
        });
      }
    }
    drawFlow(this.#flow, {
      waiters: processes,
      locks: shown.map((site) => ({
        name: site.function,
        detail: site.class,
        value: site.total.value,
        key: keyOf(site),
      })),
      holders: [...holders.values()],
      theme: this.#app.theme(),
      onlock: (key) => this.#app.store.set({ pick: key, zoom: "" }),
      onholder: (name) => this.#app.store.set({ view: "cpu", pick: "", steps: [`focus:${name}`], zoom: "" }),
      onwaiter: (detail) =>
        this.#app.store.set({ match: `process="${detail.replaceAll(/[\\"]/g, "\\$&")}"` }),
    });
  }
}

function keyOf(site: Site): string {
  return `${site.function}\t${site.module}\t${site.class}`;
}

function holdersText({ holders, total }: Site): string {
  return holders.slice(0, 3).map((holder) =>
    `${holder.function || "not seen"} ${formatShare(holder.total.value, total.value)}`
  ).join(", ") + (holders.length > 3 ? ", …" : "");
}
