// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is what stands around every view: tabs, time, filters, the time line, details, and what answers say of themselves.
 *
 * @module
 */

import { isProfileType } from "../../profile/profile_type.ts";
import type { AboutJson } from "../http/answers.ts";
import { copyText } from "./graph/clipboard.ts";
import type { App, View } from "./parts/app.ts";
import { Banner } from "./parts/banner.ts";
import { Changes } from "./parts/changes.ts";
import { element, h } from "./parts/dom.ts";
import { EmptyState } from "./parts/empty_state.ts";
import { FilterBar } from "./parts/filter_bar.ts";
import { showKeys } from "./parts/keys.ts";
import { kindText } from "./parts/kind_words.ts";
import { Panel } from "./parts/panel.ts";
import { Preferences } from "./parts/preferences.ts";
import { RangeBar } from "./parts/range_bar.ts";
import { StatusLine } from "./parts/status_line.ts";
import { TimelinePart } from "./parts/timeline_part.ts";
import { Api } from "./state/api.ts";
import { isoTime, type TimeWindow } from "./state/range.ts";
import { type Shown, Store } from "./state/store.ts";
import { formatState, isWithoutType, kindOf, type State, type ViewName, VIEWS } from "./state/url_state.ts";
import { AlertsView } from "./views/alerts.ts";
import { CallsView } from "./views/calls.ts";
import { CompareView } from "./views/compare.ts";
import { baseOf } from "./views/compare_bar.ts";
import { CpuView } from "./views/cpu.ts";
import { DataView } from "./views/data.ts";
import { LocksView } from "./views/locks.ts";
import { OverviewView } from "./views/overview.ts";
import { ProfilesView } from "./views/profiles.ts";

const TITLES: Readonly<Record<ViewName, string>> = {
  overview: "Overview",
  cpu: "CPU",
  locks: "Locks",
  calls: "System calls",
  profiles: "Profiles",
  compare: "Compare",
  data: "Data",
  alerts: "Alerts",
};
const MAKE: Readonly<Record<ViewName, new (app: App) => View>> = {
  overview: OverviewView,
  cpu: CpuView,
  locks: LocksView,
  calls: CallsView,
  profiles: ProfilesView,
  compare: CompareView,
  data: DataView,
  alerts: AlertsView,
};
/** These views have their own graph to be grouped and searched, and details to show. */
const WITH_DETAILS: ReadonlySet<ViewName> = new Set([
  "cpu",
  "locks",
  "calls",
  "profiles",
  "compare",
]);
const SAID_MS = 3000;

/** Puts the page together. */
export class Shell {
  readonly #store = new Store();
  readonly #panel = new Panel();
  readonly #banner: Banner;
  readonly #preferences: Preferences;
  readonly #api: Api;
  readonly #range: RangeBar;
  readonly #filters: FilterBar;
  readonly #timeline: TimelinePart;
  readonly #empty: EmptyState;
  readonly #tabs: ReadonlyMap<ViewName, HTMLAnchorElement>;
  readonly #main = h("main", {});
  readonly #status: StatusLine;
  readonly #said = h("p", { class: "said", role: "status", hidden: true });
  readonly #views = new Map<ViewName, View>();
  #view: View | undefined;
  #about: AboutJson | undefined;
  #saidTimer = 0;
  readonly #tabChanges = new Changes();

  constructor() {
    this.#preferences = new Preferences(() => this.#store.tell());
    this.#banner = new Banner({
      zone: () => this.#preferences.zone,
      onchange: (wrong) => {
        const icon = element("icon", HTMLLinkElement);
        const path = wrong ? "/favicon-alert.svg" : "/favicon.svg";
        // Setting it makes the browser ask for it again.
        if (icon.getAttribute("href") !== path) icon.href = path;
      },
      onback: () => this.#refresh(),
    });
    this.#status = new StatusLine({
      zone: () => this.#preferences.zone,
      onquality: (quality, counted) => this.#banner.quality(quality, counted),
    });
    this.#api = new Api((error) => this.#banner.reached(error));
    const app: App = {
      store: this.#store,
      api: this.#api,
      panel: this.#panel,
      about: () => this.#about,
      theme: () => this.#preferences.theme,
      zone: () => this.#preferences.zone,
      found: (found, graph) => this.#filters.found(found, graph),
      note: (answer, kind, counted) => this.#status.note(answer, kind, counted),
      say: (text) => this.#say(text),
    };
    this.#app = app;
    this.#range = new RangeBar(app);
    this.#filters = new FilterBar(app);
    this.#timeline = new TimelinePart(app);
    this.#empty = new EmptyState(app);
    this.#tabs = new Map(VIEWS.map((view, i) => [
      view,
      h(
        "a",
        { href: "?", title: `Key: ${i + 1}`, onclick: (event: MouseEvent) => this.#open(event, view) },
        TITLES[view],
      ),
    ]));
  }

  readonly #app: App;

  start(): void {
    const tool = (text: string, label: string, run: () => void, key?: string) =>
      h("button", { "aria-label": label, title: key ? `${label}. Key: ${key}` : label, onclick: run }, text);
    document.body.replaceChildren(
      h("a", { class: "skip", href: "#view" }, "To the view"),
      h(
        "header",
        { class: "bar" },
        h(
          "a",
          { class: "brand", href: "/", "aria-label": "Aperture, start page" },
          h("img", { src: "/favicon.svg", alt: "", width: 20, height: 20 }),
          h("span", {}, "Aperture"),
        ),
        h("nav", { class: "tabs", "aria-label": "Views" }, ...this.#tabs.values()),
        this.#range.root,
        h(
          "div",
          { class: "tools-right" },
          tool("↻", "Ask again", () => this.#refresh()),
          tool("Share", "Share: copy this view's address, with its times", () => void this.#share(), "y"),
          ...this.#preferences.buttons,
          tool("?", "Keys", showKeys, "?"),
        ),
      ),
      this.#filters.root,
      this.#banner.root,
      this.#timeline.root,
      this.#empty.root,
      h("div", { class: "work" }, this.#main, this.#panel.root),
      this.#status.root,
      this.#said,
    );
    this.#main.id = "view";
    this.#main.tabIndex = -1;
    addEventListener("keydown", (event) => this.#press(event));
    this.#store.subscribe((shown) => this.#update(shown));
    this.#store.tell();
    this.#api.get<AboutJson>("/api/about", new URLSearchParams(), AbortSignal.timeout(30_000)).then(
      (about) => {
        this.#about = about;
        // It says how an agent is started.
        if (!this.#empty.root.hidden) this.#store.tell();
      },
      // Without it there are no links to source code; the views say what is wrong.
      () => {},
    );
  }

  #update(shown: Shown): void {
    const { state, window } = shown;
    let view = this.#views.get(state.view);
    if (!view) this.#views.set(state.view, view = new MAKE[state.view](this.#app));
    const isOther = view !== this.#view;
    if (isOther) {
      this.#view?.leave?.();
      this.#filters.found(undefined);
      this.#view = view;
      this.#main.replaceChildren(h("h1", { class: "hidden" }, TITLES[state.view]), view.root);
    }
    this.#showTabs(state);
    const isOpen = isWithoutType(state);
    this.#panel.root.hidden = !WITH_DETAILS.has(state.view) || !this.#preferences.panel || isOpen;
    const title = titleOf(state);
    if (document.title !== title) document.title = title;
    this.#range.update(shown);
    this.#filters.update(shown);
    this.#timeline.root.hidden = isOpen;
    if (isOpen) this.#empty.hide();
    else this.#timeline.update(state, this.#timelineOf(shown));
    view.update({ state, window });
    // On a narrow screen the tabs scroll. It has the page laid out, for which no question waits.
    if (isOther) this.#tabs.get(state.view)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Marks the tab of the view, and has all lead to the same selection. */
  #showTabs(state: State): void {
    const addressOf = (view: ViewName) => formatState({ ...state, view, zoom: "", pick: "", fn: "" }) || "?";
    if (!this.#tabChanges.of(state.view, addressOf(state.view))) return;
    for (const [name, tab] of this.#tabs) {
      if (name === state.view) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
      tab.href = addressOf(name);
    }
    document.body.dataset["view"] = state.view;
  }

  /** Returns what the time line shows: more than the selection where that is compared. */
  #timelineOf(shown: Shown) {
    const { state, window } = shown;
    const select = ({ from, to }: TimeWindow) =>
      this.#store.set({ from: isoTime(from), to: isoTime(to), live: false, zoom: "" });
    const ontotal = (total: number) => {
      if (total > 0 || state.view === "data" || state.view === "alerts") this.#empty.hide();
      else void this.#empty.explain(shown);
    };
    const oncounted = (events: number) => this.#status.countedAll(events);
    if (state.view !== "compare") {
      return { kind: kindOf(state), window, ranges: [], onbrush: select, ontotal, oncounted };
    }
    const { window: base } = baseOf(state, window);
    const isTime = state.base !== "file" && !state.base.startsWith("{");
    return {
      kind: kindOf(state),
      window: isTime ? { from: Math.min(base.from, window.from), to: Math.max(base.to, window.to) } : window,
      ranges: isTime ? [{ ...base, name: "A" }, { ...window, name: "B" }] : [],
      onbrush: (brushed: TimeWindow, other: boolean) => {
        if (other) this.#store.set({ base: `${isoTime(brushed.from)}/${isoTime(brushed.to)}` });
        else {this.#store.set({
            ...{ from: isoTime(brushed.from), to: isoTime(brushed.to) },
            live: false,
            ...(isTime && { base: `${isoTime(base.from)}/${isoTime(base.to)}` }),
          });}
      },
      ontotal,
      oncounted,
    };
  }

  #open(event: MouseEvent, view: ViewName): void {
    // A new tab of the browser is as good.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#store.set({ view, zoom: "", pick: "", fn: "" });
  }

  /** Has all that is shown asked for again, also where it is of a time that stays as it is. */
  #refresh(): void {
    this.#api.forget();
    this.#view?.leave?.();
    this.#timeline.stop();
    this.#store.refresh();
  }

  async #share(): Promise<void> {
    const { window, state } = this.#store;
    const query = formatState({ ...state, from: isoTime(window.from), to: isoTime(window.to), live: false });
    const copied = await copyText(location.origin + location.pathname + query);
    this.#say(
      copied ? "Copied the address, with its times" : "The browser does not let the address be copied",
    );
  }

  #say(text: string): void {
    this.#said.textContent = text;
    this.#said.hidden = false;
    clearTimeout(this.#saidTimer);
    this.#saidTimer = Number(setTimeout(() => this.#said.hidden = true, SAID_MS));
  }

  #press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target, key } = event;
    if (target instanceof HTMLElement && target.matches("input, select, textarea, dialog *, [role=menu] *")) {
      return;
    }
    const view = VIEWS[Number(key) - 1];
    if (key === "/") this.#filters.searchField.focus();
    else if (view) this.#store.set({ view, zoom: "", pick: "", fn: "" });
    else if (key === "?") showKeys();
    else if (key === ".") this.#range.toggleLive();
    else if (key === "y") void this.#share();
    else if (key === "c") this.#store.set({ view: "compare", kind: kindOf(this.#store.state), zoom: "" });
    else if (key === "d") this.#preferences.togglePanel();
    else if (key === "p") this.#panel.pinned = !this.#panel.pinned;
    else if (this.#timeline.press(key) || this.#view?.press?.(key)) { /* It was taken. */ }
    else return;
    event.preventDefault();
  }
}

/** Returns what the browser calls the page: its filters, and the view or the type of profile. */
function titleOf(state: State): string {
  const kind = kindOf(state);
  const what = isProfileType(kind)
    ? state.view === "profiles" ? kindText(kind) : `${TITLES[state.view]}: ${kindText(kind)}`
    : TITLES[state.view];
  return [state.match && `{${state.match}}`, what, "Aperture"].filter(Boolean).join(" · ");
}
