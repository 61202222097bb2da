// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the view to begin with: where time goes, what waits, what is slow, what has changed, and who watches.
 *
 * @module
 */

import type { DiffJson, FleetJson, LabelValuesJson, LocksJson, SyscallsJson } from "../../http/answers.ts";
import { changeOf, sideOf } from "../flame/diff.ts";
import type { App, View } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import {
  formatChange,
  formatCount,
  formatNs,
  formatNumber,
  formatShare,
  shortModule,
} from "../parts/format.ts";
import { laneOf, sumOfLanes } from "../parts/sparkline.ts";
import { selectionBody, selectionParams } from "../state/api.ts";
import { clock, shift } from "../state/range.ts";
import { withFilter } from "../state/selector.ts";
import type { Shown } from "../state/store.ts";
import { siteKey } from "./lock_columns.ts";
import { type Line, overviewCard } from "./overview_card.ts";

/** A card has so many lines: on a high screen there is room for more. */
const MOST = globalThis.innerHeight >= 1000 ? 12 : 6;
/** An agent that has been silent for so long is not well. In ms. */
const SILENT_MS = 60_000;
/** Of so many functions and nodes, the largest, it is asked what they took over time. */
const MOST_FUNCTIONS = 60;
const MOST_NODES = 100;

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
    type Both = { now: LabelValuesJson; before: LabelValuesJson; seconds: number };
    const labelOf = ({ group }: Shown["state"]) => {
      const by = group.split(",")[0] ?? "process";
      return by === "none" ? "process" : by;
    };
    return overviewCard<Both>(this.#app, "CPU", {
      view: "cpu",
      ask: ({ state, window }) => {
        const params = (at: typeof window) =>
          selectionParams({ kind: "cpu", window: at, match: state.match }, {
            label: labelOf(state),
            limit: 100,
          });
        const [now, before] = [params(window), params(shift(window, -1))];
        return {
          key: `${now} ${before}`,
          load: async (signal) => {
            const get = (params: URLSearchParams) =>
              this.#app.api.get<LabelValuesJson>("/api/labels", params, signal);
            const [a, b] = await Promise.all([get(now), get(before)]);
            return { now: a, before: b, seconds: (window.to - window.from) / 1000 };
          },
        };
      },
      over: ({ state }) => ({ kind: "cpu", by: labelOf(state), limit: MOST + 2 }),
      draw: ({ now, before, seconds }, over) => {
        const known = new Map(before.values.map(({ value, total }) => [value, total.value]));
        const largest = now.values[0]?.total.value ?? 1;
        const all = now.values.reduce((sum, { total }) => sum + total.value, 0);
        return {
          head: `${formatNumber(all / 1e9 / seconds)} cores busy`,
          over: over && sumOfLanes(over),
          lines: now.values.slice(0, MOST + 2).map(({ value, total }) => ({
            name: shortModule(value) || "(none)",
            detail: value,
            value: `${formatNumber(total.value / 1e9 / seconds)} cores`,
            note: known.size > 0 ? formatChange(known.get(value) ?? 0, total.value) : "",
            part: total.value / largest,
            over: laneOf(over, value),
            run: () => this.#open({ view: "cpu" }, now.label, value),
          })),
          foot: known.size > 0 ? "Changes are against the time just before" : "",
        };
      },
    });
  }

  #locks() {
    return overviewCard<LocksJson>(this.#app, "Locks", {
      view: "locks",
      ask: ({ state, window }) => {
        const params = selectionParams({ window, match: state.match, idle: state.idle }, {
          limit: MOST,
          holders: 2,
        });
        return {
          key: String(params),
          load: (signal) => this.#app.api.get<LocksJson>("/api/locks", params, signal),
        };
      },
      over: () => ({ kind: "lock", by: "node", limit: 1 }),
      draw: ({ sites, total }, over) => ({
        head: `${formatNs(total.value)} waited`,
        over: over && sumOfLanes(over),
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
    return overviewCard<SyscallsJson>(this.#app, "Slowest system calls", {
      view: "calls",
      ask: ({ state, window }) => {
        const params = selectionParams({ window, match: state.match, idle: state.idle }, {
          limit: 200,
          group_by: "process",
        });
        return {
          key: String(params),
          load: (signal) => this.#app.api.get<SyscallsJson>("/api/syscalls", params, signal),
        };
      },
      over: () => ({ kind: "syscall", by: "node", limit: 1 }),
      draw: ({ rows, total }, over) => {
        const worst = (row: SyscallsJson["rows"][number]) => row.p99 * row.total.count;
        const sorted = rows.toSorted((a, b) => worst(b) - worst(a)).slice(0, MOST);
        return {
          head: `${formatCount(total.count)} calls, ${formatNs(total.value)}`,
          over: over && sumOfLanes(over),
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
    return overviewCard<DiffJson & { seconds: number }>(this.#app, "What has changed", {
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
      // Both times: what has changed is seen at the middle.
      over: ({ window }) => ({
        kind: "cpu",
        window: { from: shift(window, -1).from, to: window.to },
        by: "function",
        limit: MOST_FUNCTIONS,
      }),
      draw: ({ base, compare, rows, seconds }, over) => {
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
              over: laneOf(over, row.function, row.module),
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
            : "Each function's own time, against the time just before: the picture has both. What chance explains is left out",
        };
      },
    });
  }

  #agents() {
    return overviewCard<FleetJson>(this.#app, "Agents", {
      view: "data",
      ask: ({ window }) => {
        const params = selectionParams({ window, match: "" }, { limit: 1000 });
        return {
          key: String(params),
          load: (signal) => this.#app.api.get<FleetJson>("/api/fleet", params, signal),
        };
      },
      over: () => ({ kind: "cpu", by: "node", limit: MOST_NODES }),
      draw: ({ agents }, over) => {
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
              over: laneOf(over, agent.node),
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

  #open(patch: Parameters<App["store"]["set"]>[0], label: string, value: string): void {
    const { store } = this.#app;
    store.set({ ...patch, match: withFilter(store.state.match, { label, operator: "=", value }), zoom: "" });
  }
}
