// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says why there is nothing to see: filters, a time without data, or no agent at all; and what to do.
 *
 * @module
 */

import { isProfileType, type ProfileType } from "../../../profile/profile_type.ts";
import type { AboutJson, FleetJson, TimelineJson } from "../../http/answers.ts";
import { selectionParams } from "../state/api.ts";
import { clock, isoTime, type TimeWindow } from "../state/range.ts";
import type { Shown } from "../state/store.ts";
import { kindOf } from "../state/url_state.ts";
import type { App } from "./app.ts";
import { h } from "./dom.ts";
import { samplesText } from "./kind_words.ts";

/** The first window of an agent is looked for so often. In ms. */
const LOOK_EVERY_MS = 3000;
const HOUR_MS = 3_600_000;
const MONTH_MS = 30 * 24 * HOUR_MS;

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
    const kind = kindOf(state);
    const what = samplesText(kind);
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
    if (isProfileType(kind)) {
      const last = await this.#lastOf(kind);
      if (turn !== this.#turn) return;
      this.#showLast(`No ${what}, ${range}`, { last, words: (at) => `The last came before ${at}.` }, window);
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
    const of = agents.filter(({ values }) => (values[kind] ?? 0) > 0);
    if (of.length > 0) {
      const last = Math.max(...of.map(({ last_end }) => Date.parse(last_end)));
      const from = `, from ${of.length} ${of.length === 1 ? "node" : "nodes"}`;
      this.#showLast(
        `No ${what}, ${range}`,
        { last, words: (at) => `The last are of ${at}${from}.` },
        window,
      );
      return;
    }
    if (agents.length > 0) {
      this.#show(
        `No ${what} at all`,
        h("p", {}, `Agents count them with --mode ${kind === "cpu" ? "cpu" : `cpu,${kind}`}, or --mode all.`),
      );
      return;
    }
    // Without it the port that agents push to is not known.
    const about = this.#app.about();
    this.#show(
      "No data yet",
      ...(about
        ? [
          h(
            "p",
            {},
            "Start an agent on a machine that you want to watch, as root, from a copy of the project:",
          ),
          h("pre", {}, h("code", {}, agentCommand(location, about))),
        ]
        : []),
      h(
        "p",
        { class: "quiet" },
        "Its first window comes after ten seconds; this page looks for it by itself.",
      ),
    );
  }

  /** Returns the end of the last hour of the past month that has profiles of `type`, in Unix ms. */
  async #lastOf(type: ProfileType): Promise<number | undefined> {
    const now = Date.now();
    const window = { from: now - MONTH_MS, to: now };
    const params = selectionParams({ kind: type, window, match: "" }, { step: HOUR_MS / 1000, limit: 1 });
    const answer = await this.#app.api.get<TimelineJson>("/api/timeline", params, AbortSignal.timeout(30_000))
      // The other parts say what is wrong.
      .catch(() => undefined);
    const at = answer?.lanes.reduce(
      (last, { value }) => Math.max(last, value.findLastIndex((amount) => amount > 0)),
      -1,
    ) ?? -1;
    return at < 0 ? undefined : Date.parse(answer!.from) + (at + 1) * HOUR_MS;
  }

  /** Says when there is something, and leads there. */
  #showLast(
    title: string,
    { last, words }: { readonly last: number | undefined; readonly words: (at: string) => string },
    window: TimeWindow,
  ): void {
    if (last === undefined) return this.#show(title, h("p", {}, "There were none in the past month."));
    const length = window.to - window.from;
    const end = Math.ceil(last / 10_000) * 10_000;
    const at = clock(last, { zone: this.#app.zone(), near: Date.now(), seconds: true });
    this.#show(
      title,
      h("p", {}, words(at)),
      h("button", {
        onclick: () => this.#app.store.set({ from: isoTime(end - length), to: isoTime(end), live: false }),
      }, "Go there"),
    );
  }

  #show(title: string, ...content: Node[]): void {
    this.root.replaceChildren(h("h2", {}, title), ...content);
    this.root.hidden = false;
  }
}

/** Returns the command that starts an agent for this aggregator. */
export function agentCommand({ hostname }: Pick<Location, "hostname">, about: AboutJson): string {
  const host = hostname.includes(":") ? `[${hostname.replace(/^\[|\]$/g, "")}]` : hostname;
  return `./dev agent --aggregator http://${host}:${about.ingest_port}`;
}
