// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says why there is nothing to see: filters, a time without data, or no agent at all; and what to do.
 *
 * @module
 */

import type { AboutJson, FleetJson } from "../../http/answers.ts";
import { clock, isoTime } from "../state/range.ts";
import type { Shown } from "../state/store.ts";
import { kindOf } from "../state/url_state.ts";
import type { App } from "./app.ts";
import { h } from "./dom.ts";

const WORDS: Readonly<Record<string, string>> = {
  cpu: "CPU samples",
  lock: "waits for locks",
  syscall: "system calls",
};
/** The first window of an agent is looked for so often. In ms. */
const LOOK_EVERY_MS = 3000;

export class EmptyState {
  readonly root = h("section", { class: "card empty-state", hidden: true });
  readonly #app: App;
  #timer = 0;
  /** Counts what was asked to be shown: only the last is. */
  #turn = 0;

  constructor(app: App) {
    this.#app = app;
  }

  hide(): void {
    this.#turn++;
    clearTimeout(this.#timer);
    this.root.hidden = true;
  }

  /** Explains that `shown` has nothing. */
  async explain(shown: Shown): Promise<void> {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    const { state, window } = shown;
    const { store, api } = this.#app;
    const zone = this.#app.zone();
    const what = WORDS[kindOf(state)] ?? kindOf(state);
    const range = `${clock(window.from, { zone, near: Date.now() })} – ${
      clock(window.to, { zone, near: window.from })
    }`;
    if (state.match !== "") {
      this.#show(
        `No ${what} of {${state.match}}, ${range}`,
        h("button", { onclick: () => store.set({ match: "", zoom: "" }) }, "Clear the filters"),
      );
      return;
    }
    const params = new URLSearchParams({ from: "-30d", to: "now", limit: "1000" });
    const { agents } = await api.get<FleetJson>("/api/fleet", params, AbortSignal.timeout(30_000)).catch(
      () => ({
        agents: undefined,
      }),
    );
    if (turn !== this.#turn || !agents) return;
    // What ends now may have data soon.
    if (state.to === "now") {
      this.#timer = Number(setTimeout(() => {
        api.forget();
        store.refresh();
      }, LOOK_EVERY_MS));
    }
    const of = agents.filter(({ values }) => (values[kindOf(state)] ?? 0) > 0);
    if (of.length > 0) {
      const last = Math.max(...of.map(({ last_end }) => Date.parse(last_end)));
      const length = window.to - window.from;
      const end = Math.ceil(last / 10_000) * 10_000;
      this.#show(
        `No ${what}, ${range}`,
        h(
          "p",
          {},
          `The last are of ${clock(last, { zone, near: Date.now(), seconds: true })}, from ${of.length} ${
            of.length === 1 ? "node" : "nodes"
          }.`,
        ),
        h("button", {
          onclick: () => store.set({ from: isoTime(end - length), to: isoTime(end), live: false }),
        }, "Go there"),
      );
      return;
    }
    if (agents.length > 0) {
      const mode = kindOf(state);
      this.#show(
        `No ${what} at all`,
        h("p", {}, `Agents count them with --mode ${mode === "cpu" ? "cpu" : `cpu,${mode}`}, or --mode all.`),
      );
      return;
    }
    this.#show(
      "No data yet",
      h("p", {}, "Start an agent on a machine that you want to watch, as root, from a copy of the project:"),
      h("pre", {}, h("code", {}, agentCommand(location, this.#app.about()))),
      h(
        "p",
        { class: "quiet" },
        "Its first window comes after ten seconds; this page looks for it by itself.",
      ),
    );
  }

  #show(title: string, ...content: Node[]): void {
    this.root.replaceChildren(h("h2", {}, title), ...content);
    this.root.hidden = false;
  }
}

/** Returns the command that starts an agent for this aggregator. */
export function agentCommand({ hostname }: Pick<Location, "hostname">, about: AboutJson | undefined): string {
  const host = hostname.includes(":") ? `[${hostname.replace(/^\[|\]$/g, "")}]` : hostname;
  return `./dev agent --aggregator http://${host}:${about?.ingest_port ?? 50051}`;
}
