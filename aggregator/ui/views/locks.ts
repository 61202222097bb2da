// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view of locks: where threads wait for them, for how long, and for whom.
 *
 * @module
 */

import type { FlameJson, LocksJson } from "../../http/answers.ts";
import { GraphPane } from "../graph/graph_pane.ts";
import type { App, View } from "../parts/app.ts";
import { choice, h } from "../parts/dom.ts";
import { fileName, formatCount, formatNs, shortModule } from "../parts/format.ts";
import { exportButton, type MenuItem } from "../parts/menu.ts";
import { Part } from "../parts/part.ts";
import { DataTable } from "../parts/table.ts";
import { WaitsCard } from "../parts/waits_card.ts";
import { selectionParams } from "../state/api.ts";
import { withFilter } from "../state/selector.ts";
import type { Shown } from "../state/store.ts";
import { type Holder, holderColumns, holderName, type Site, siteColumns, siteKey } from "./lock_columns.ts";
import { chainList, chainsOf } from "./lock_chains.ts";
import { drawFlow, flowFiles, type FlowSide } from "./lock_flow.ts";

const MOST_SITES = 200;

export class LocksView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #sites: Part<LocksJson>;
  readonly #waiters: Part<FlameJson>;
  readonly #table: DataTable<Site>;
  readonly #holders: DataTable<Holder>;
  readonly #graph: GraphPane;
  readonly #flow = h("div", { class: "flow" });
  readonly #flowCard: HTMLElement;
  readonly #chains = h("div", { class: "chains", hidden: true });
  readonly #card: WaitsCard;
  readonly #whose;
  /** Says through which function the stacks are, where they are not all. */
  readonly #through = h("span", { class: "quiet" });
  #total = 1;

  constructor(app: App) {
    this.#app = app;
    this.#table = new DataTable<Site>({
      store: app.store,
      label: "Locks",
      rows: 12,
      columns: siteColumns(() => this.#total),
      isMarked: (site) => siteKey(site) === app.store.state.pick,
      onrow: (site) => app.store.set({ pick: siteKey(site), zoom: "" }),
      empty: "No thread waited for a lock in this time",
    });
    this.#holders = new DataTable<Holder>({
      store: app.store,
      label: "Holders",
      rows: 8,
      columns: holderColumns({ total: () => this.#total, onopen: (holder) => this.#openHolder(holder) }),
      empty: "Nobody was seen who held a lock for which others waited",
    });
    this.#card = new WaitsCard(app, { title: "Locks", which: "Which waits", all: "With idle threads" });
    const list = this.#card.root;
    list.append(
      this.#table.root,
      h("h3", {}, "Who held them"),
      h("p", { class: "quiet" }, "A name leads to what the holder did on the CPU."),
      this.#holders.root,
    );
    this.#flowCard = h(
      "section",
      { class: "card", "aria-label": "Waiters, lock and holders" },
      h(
        "div",
        { class: "row" },
        h("h2", {}, "Who waits for whom"),
        h("span", { class: "grow" }),
        exportButton(() => this.#files()),
      ),
      this.#flow,
      this.#chains,
    );
    this.#whose = choice("Stacks of", [["waiters", "Who waited"], ["holders", "Who held"]], (whose) => {
      app.store.set({ held: whose === "holders", zoom: "" });
    });
    this.#graph = new GraphPane(app, "Stacks of those who waited, or held");
    this.#graph.root.prepend(
      h("div", { class: "row" }, h("h2", {}, "Stacks"), this.#whose.root, this.#through),
    );
    this.root = h("div", { class: "view locks" }, list, this.#flowCard, this.#graph.root);
    this.#sites = new Part<LocksJson>({ root: list, draw: (answer) => this.#draw(answer) });
    this.#waiters = new Part<FlameJson>({ root: this.#flowCard, draw: () => this.#drawFlow() });
  }

  update({ state, window }: Shown): void {
    const asked = { window, match: state.match, idle: state.idle };
    const params = selectionParams(asked, { limit: MOST_SITES, holders: 8 });
    this.#card.choose(state.idle);
    this.#sites.ask(String(params), (signal) => this.#app.api.get<LocksJson>("/api/locks", params, signal));
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
    this.#updateGraph();
  }

  #updateGraph(): void {
    const { state, window } = this.#app.store;
    const { match, idle, held, pick } = state;
    // A holder's stacks do not have who waited for it: the one that most waited for stands for those of a site.
    const site = this.#sites.answer?.sites.find((site) => siteKey(site) === pick);
    const through = held ? site?.holders[0]?.function : pick.split("\t")[0];
    this.#whose.show(held ? "holders" : "waiters");
    this.#through.textContent = through ? `through ${through}` : "";
    const holders = held && { holders: held };
    this.#graph.update(state, { kind: "lock", window, match, idle, ...holders, ...(through && { through }) });
  }

  press(key: string): boolean {
    if (key === "Escape" && this.#app.store.state.pick !== "") {
      this.#app.store.set({ pick: "" });
      return true;
    }
    return this.#graph.press(key);
  }

  leave(): void {
    for (const part of [this.#sites, this.#waiters, this.#graph]) part.stop();
  }

  #draw(answer: LocksJson): void {
    this.#total = Math.max(1, answer.total.value);
    this.#table.show(answer.sites);
    this.#holders.show(answer.holders);
    const open = answer.sites.reduce((sum, site) => sum + site.open, 0);
    this.#card.say(
      `${formatNs(answer.total.value)} waited`,
      open > 0 && `${formatCount(open)} wait now`,
      answer.hidden.value > 0 &&
        `idle threads hidden: ${formatNs(answer.hidden.value)} (pools, condition variables, timers)`,
    );
    this.#drawFlow();
    if (this.#app.store.state.held) this.#updateGraph();
  }

  #files(): MenuItem[] {
    const [drawn, answer] = [this.#flow.querySelector("svg"), this.#sites.answer];
    return drawn && answer ? flowFiles(drawn, fileName("lock-flow", answer.selection.to)) : [];
  }

  /** Shows the stacks through a holder's function, in its process, on the CPU. */
  #openHolder({ function: name, process }: Pick<Holder, "function" | "process">): void {
    if (name === "") return this.#app.say("There is no code of this holder");
    const { match } = this.#app.store.state;
    this.#app.store.set({
      ...{ view: "cpu", pick: "", steps: [`focus:${name}`], zoom: "" },
      match: process ? withFilter(match, { label: "process", operator: "=", value: process }) : match,
    });
  }

  #drawFlow(): void {
    const [sites, waiters] = [this.#sites.answer?.sites, this.#waiters.answer];
    if (!sites || !waiters) return;
    const { pick } = this.#app.store.state;
    const shown = pick === "" ? sites : sites.filter((site) => siteKey(site) === pick);
    this.#flowCard.hidden = shown.length === 0;
    const open = (site: Site) => this.#app.store.set({ pick: siteKey(site), zoom: "" });
    const chains = chainsOf(sites);
    this.#chains.hidden = chains.length === 0;
    this.#chains.replaceChildren(
      h("h3", {}, "Chains"),
      h("ol", {}, ...chainList(chains, open)),
    );
    const level = waiters.graph.levels[1];
    const processes = (level?.name ?? []).map((name, i): FlowSide => ({
      name: shortModule(waiters.graph.names[name]!),
      detail: waiters.graph.names[name]!,
      value: level!.width[i]!,
    }));
    const holders = new Map<string, FlowSide>();
    for (const site of shown) {
      for (const holder of site.holders) {
        const name = holderName(holder);
        const key = `${name}\t${holder.process}`;
        const known = holders.get(key)?.value ?? 0;
        holders.set(key, {
          name,
          detail: holder.module,
          value: known + holder.total.value,
          key: holder.function,
        });
      }
    }
    const held = new Set(shown.map((site) => site.held));
    drawFlow(this.#flow, {
      waiters: processes,
      locks: shown.map((site) => ({
        name: site.function,
        detail: [site.class, site.address].filter(Boolean).join(", "),
        value: site.total.value,
        key: siteKey(site),
      })),
      holders: [...holders.values()],
      holdersHead: held.size > 1 ? "held by, or woken by" : held.has(true) ? "held by" : "woken by",
      theme: this.#app.theme(),
      onlock: (key) => this.#app.store.set({ pick: key, zoom: "" }),
      onholder: (name) => this.#app.store.set({ held: true, steps: [`focus:${name}`], zoom: "" }),
      onwaiter: (process) => {
        const match = withFilter(this.#app.store.state.match, {
          label: "process",
          operator: "=",
          value: process,
        });
        this.#app.store.set({ held: false, match, zoom: "" });
      },
    });
  }
}
