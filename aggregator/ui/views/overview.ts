// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view to begin with: where time goes, what waits, what is slow, what has changed, and who watches.
 *
 * @module
 */

import type { Kind } from "../../../profile/model.ts";
import type {
  DiffJson,
  FleetJson,
  LabelValuesJson,
  LocksJson,
  SyscallsJson,
  TimelineJson,
} from "../../http/answers.ts";
import { changeOf, sideOf } from "../flame/diff.ts";
import type { App, View } from "../parts/app.ts";
import { type Child, h } from "../parts/dom.ts";
import {
  formatChange,
  formatCount,
  formatNs,
  formatNumber,
  formatShare,
  shortModule,
} from "../parts/format.ts";
import { Part } from "../parts/part.ts";
import { sparkline, sumOfLanes } from "../parts/sparkline.ts";
import { selectionBody, selectionParams } from "../state/api.ts";
import { clock, shift, stepOf } from "../state/range.ts";
import { withFilter } from "../state/selector.ts";
import type { Shown } from "../state/store.ts";
import { siteKey } from "./lock_columns.ts";

const MOST = 6;
/** An agent that has been silent for so long is not well. In ms. */
const SILENT_MS = 60_000;

/** Is how many steps a small picture of time has at most. */
const STEPS = 45;

interface Drawn {
  readonly head: string;
  /** Is what the head is about, over time. */
  readonly over?: readonly number[];
  readonly lines: readonly Line[];
  readonly foot?: string;
}

interface Line {
  readonly name: string;
  readonly detail: string;
  readonly value: string;
  readonly note?: string;
  /** Is the part of a bar that is filled, from 0 to 1. */
  readonly part?: number;
  /** Is its value over time. */
  readonly over?: readonly number[] | undefined;
  readonly run?: () => void;
}

export class OverviewView implements View {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #parts: readonly { ask(shown: Shown): void; stop(): void }[];

  constructor(app: App) {
    this.#app = app;
    const cards = [
      this.#cpu(),
      this.#locks(),
      this.#calls(),
      this.#changes(),
      this.#agents(),
    ];
    this.#parts = cards;
    this.root = h("div", { class: "view overview" }, ...cards.map(({ root }) => root));
  }

  update(shown: Shown): void {
    for (const part of this.#parts) part.ask(shown);
  }

  leave(): void {
    for (const part of this.#parts) part.stop();
  }

  #cpu() {
    type Both = { now: LabelValuesJson; before: LabelValuesJson; over: TimelineJson; seconds: number };
    return this.#card<Both>("CPU", {
      view: "cpu",
      ask: ({ state, window }) => {
        const by = state.group.split(",")[0] ?? "process";
        const label = by === "none" ? "process" : by;
        const params = (at: typeof window) =>
          selectionParams({ kind: "cpu", window: at, match: state.match }, { label, limit: 100 });
        const [now, before] = [params(window), params(shift(window, -1))];
        return {
          key: `${now} ${before}`,
          load: async (signal) => {
            const get = (params: URLSearchParams) =>
              this.#app.api.get<LabelValuesJson>("/api/labels", params, signal);
            const [a, b, over] = await Promise.all([
              ...[get(now), get(before)] as const,
              this.#over("cpu", { state, window }, signal, { by: label, limit: MOST + 2 }),
            ]);
            return { now: a, before: b, over, seconds: (window.to - window.from) / 1000 };
          },
        };
      },
      draw: ({ now, before, over, seconds }) => {
        const known = new Map(before.values.map(({ value, total }) => [value, total.value]));
        const largest = now.values[0]?.total.value ?? 1;
        const all = now.values.reduce((sum, { total }) => sum + total.value, 0);
        return {
          head: `${formatNumber(all / 1e9 / seconds)} cores busy`,
          over: sumOfLanes(over),
          lines: now.values.slice(0, MOST + 2).map(({ value, total }) => ({
            name: shortModule(value) || "(none)",
            detail: value,
            value: `${formatNumber(total.value / 1e9 / seconds)} cores`,
            note: known.size > 0 ? formatChange(known.get(value) ?? 0, total.value) : "",
            part: total.value / largest,
            over: over.lanes.find(({ name, rest }) => name === value && !rest)?.value,
            run: () => this.#open({ view: "cpu" }, now.label, value),
          })),
          foot: known.size > 0 ? "Changes are against the time just before" : "",
        };
      },
    });
  }

  #locks() {
    return this.#card<LocksJson & { over: TimelineJson }>("Locks", {
      view: "locks",
      ask: ({ state, window }) => {
        const params = selectionParams({ window, match: state.match, idle: state.idle }, {
          limit: MOST,
          holders: 2,
        });
        return {
          key: String(params),
          load: async (signal) => {
            const [locks, over] = await Promise.all([
              this.#app.api.get<LocksJson>("/api/locks", params, signal),
              this.#over("lock", { state, window }, signal),
            ]);
            return { ...locks, over };
          },
        };
      },
      draw: ({ sites, total, over }) => ({
        head: `${formatNs(total.value)} waited`,
        over: sumOfLanes(over),
        lines: sites.map((site) => ({
          name: site.function,
          detail: `${site.class} in ${site.module}`,
          value: formatNs(site.total.value),
          note: site.holders[0]?.function
            ? `${site.held ? "held" : "woken"} by ${site.holders[0].function}`
            : `longest ${formatNs(site.max)}`,
          part: site.total.value / (sites[0]?.total.value || 1),
          run: () => this.#app.store.set({ view: "locks", pick: siteKey(site) }),
        })),
      }),
    });
  }

  #calls() {
    return this.#card<SyscallsJson & { over: TimelineJson }>("Slowest system calls", {
      view: "calls",
      ask: ({ state, window }) => {
        const params = selectionParams({ window, match: state.match, idle: state.idle }, {
          limit: 200,
          group_by: "process",
        });
        return {
          key: String(params),
          load: async (signal) => {
            const [calls, over] = await Promise.all([
              this.#app.api.get<SyscallsJson>("/api/syscalls", params, signal),
              this.#over("syscall", { state, window }, signal),
            ]);
            return { ...calls, over };
          },
        };
      },
      draw: ({ rows, total, over }) => {
        const worst = (row: SyscallsJson["rows"][number]) => row.p99 * row.total.count;
        const sorted = rows.toSorted((a, b) => worst(b) - worst(a)).slice(0, MOST);
        return {
          head: `${formatCount(total.count)} calls, ${formatNs(total.value)}`,
          over: sumOfLanes(over),
          lines: sorted.map((row) => ({
            name: row.call,
            detail: row.group[0] ?? "",
            value: `p99 ${formatNs(row.p99)}`,
            note: `${shortModule(row.group[0] ?? "")} · ${formatNumber(row.rate)}/s${
              row.failed > 0 ? ` · ${formatShare(row.failed, row.total.count)} fail` : ""
            }`,
            part: worst(row) / (worst(sorted[0]!) || 1),
            run: () => this.#open({ view: "calls", pick: row.call }, "process", row.group[0] ?? ""),
          })),
        };
      },
    });
  }

  #changes() {
    return this.#card<DiffJson & { seconds: number }>("What has changed", {
      view: "compare",
      ask: ({ state, window }) => {
        const base = shift(window, -1);
        const asked = { kind: "cpu" as const, match: state.match };
        const body = {
          base: selectionBody({ ...asked, window: base }),
          compare: selectionBody({ ...asked, window }),
          by: "cores",
          order: "change",
          limit: 60,
        };
        return {
          key: JSON.stringify(body),
          load: async (signal) => ({
            ...await this.#app.api.post<DiffJson>("/api/diff", body, signal),
            seconds: (window.to - window.from) / 1000,
          }),
        };
      },
      draw: ({ base, compare, rows, seconds }) => {
        if (base.total.count === 0 || compare.total.count === 0) {
          return {
            head: "",
            lines: [],
            foot: "There is nothing to compare with: no samples in the time before",
          };
        }
        const sides = {
          base: sideOf(base.total, { norm: "core", seconds, kind: "cpu" }),
          compare: sideOf(compare.total, { norm: "core", seconds, kind: "cpu" }),
        };
        const real = rows.filter((row) => changeOf(row.base_self.value, row.compare_self.value, sides) !== 0);
        return {
          head: "",
          lines: real.slice(0, MOST).map((row): Line => {
            const more = (row.compare_self.value - row.base_self.value) / 1e9 / seconds;
            return {
              name: row.function,
              detail: row.module,
              value: `${more > 0 ? "▲ +" : "▼ −"}${formatNumber(Math.abs(more))} cores`,
              note: `${formatChange(row.base_self.value, row.compare_self.value)} · ${
                more > 0 ? "takes more time" : "takes less time"
              }`,
              run: () =>
                this.#app.store.set({ view: "compare", kind: "cpu", base: "previous", search: row.function }),
            };
          }),
          foot: real.length === 0
            ? "Nothing beyond chance, against the time just before"
            : "Each function's own time, against the time just before; what chance explains is left out",
        };
      },
    });
  }

  #agents() {
    return this.#card<FleetJson>("Agents", {
      view: "data",
      ask: ({ window }) => {
        const params = selectionParams({ window, match: "" }, { limit: 1000 });
        return {
          key: String(params),
          load: (signal) => this.#app.api.get<FleetJson>("/api/fleet", params, signal),
        };
      },
      draw: ({ agents }) => {
        const { to } = this.#app.store.window;
        const silent = agents.filter((agent) => to - Date.parse(agent.last_end) > SILENT_MS);
        const zone = this.#app.zone();
        const sorted = agents.toSorted((a, b) => Date.parse(a.last_end) - Date.parse(b.last_end));
        return {
          head: `${agents.length} ${agents.length === 1 ? "agent" : "agents"}, ${silent.length} silent`,
          lines: sorted.slice(0, MOST).map((agent) => {
            const lost = Object.values(agent.losses).reduce((a, b) => a + b, 0);
            const whole = agent.stack_ends["complete"] ?? 0;
            const ends = Object.values(agent.stack_ends).reduce((a, b) => a + b, 0);
            return {
              name: agent.node,
              detail: `${agent.agent_id} ${agent.version}`,
              value: `seen ${clock(Date.parse(agent.last_end), { zone, near: to, seconds: true })}`,
              note: `${lost > 0 ? `${formatCount(lost)} lost or incomplete · ` : ""}${
                ends > 0 ? `${formatShare(whole, ends)} of stacks whole` : ""
              }`,
              run: () => this.#open({ view: "cpu" }, "node", agent.node),
            };
          }),
        };
      },
    });
  }

  /** Asks for time of a kind over the time that is shown. */
  #over(
    kind: Kind,
    { state: { match, idle }, window }: Shown,
    signal: AbortSignal,
    { by, limit }: { readonly by: string; readonly limit: number } = { by: "node", limit: 1 },
  ): Promise<TimelineJson> {
    const params = selectionParams({ kind, window, match, idle }, { by, step: stepOf(window, STEPS), limit });
    return this.#app.api.get<TimelineJson>("/api/timeline", params, signal);
  }

  #open(patch: Parameters<App["store"]["set"]>[0], label: string, value: string): void {
    const { store } = this.#app;
    store.set({ ...patch, match: withFilter(store.state.match, { label, operator: "=", value }), zoom: "" });
  }

  #card<T>(title: string, { view, ask, draw }: {
    readonly view: "cpu" | "locks" | "calls" | "compare" | "data";
    readonly ask: (shown: Shown) => { key: string; load: (signal: AbortSignal) => Promise<T> };
    readonly draw: (answer: T) => Drawn;
  }) {
    const list = h("ul", {});
    const [head, foot] = [h("span", { class: "quiet" }), h("p", { class: "quiet" })];
    const root = h(
      "section",
      { class: "card", "aria-label": title },
      h(
        "div",
        { class: "row" },
        h("h2", {}, title),
        head,
        h("span", { class: "grow" }),
        h("button", {
          class: "plain",
          "aria-label": `Open ${title}`,
          onclick: () => this.#app.store.set({ view, zoom: "", pick: "" }),
        }, "Open ›"),
      ),
      list,
      foot,
    );
    const part = new Part<T>({
      root,
      draw: (answer) => {
        const drawn = draw(answer);
        head.replaceChildren(
          drawn.head,
          ...(drawn.over && drawn.over.length > 1 ? [sparkline(drawn.over)] : []),
        );
        foot.textContent = drawn.foot ?? (drawn.lines.length === 0 ? "None in this time" : "");
        list.replaceChildren(...drawn.lines.map((line) => this.#line(line)));
      },
    });
    return {
      root,
      ask: (shown: Shown) => {
        const { key, load } = ask(shown);
        part.ask(key, load);
      },
      stop: () => part.stop(),
    };
  }

  #line({ name, detail, value, note = "", part, over, run }: Line): HTMLElement {
    const content: Child[] = [
      h("span", { class: "name", title: detail }, name),
      h("span", { class: "number" }, ...(over && over.length > 1 ? [sparkline(over)] : []), value),
      note !== "" && h("small", { class: "quiet" }, note),
    ];
    const made = run
      ? h("button", { class: "plain line", onclick: run }, ...content)
      : h("div", { class: "line" }, ...content);
    if (part !== undefined) {
      made.classList.add("meter");
      made.style.setProperty("--part", String(part));
    }
    return h("li", {}, made);
  }
}
