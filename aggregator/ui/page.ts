// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Holds the page's state and what becomes of it on the screen.
 *
 * @module
 */

import type { FlameJson, LocksJson, SyscallsJson } from "../http/answers.ts";
import { fetchFlame, fetchKinds, fetchLocks, fetchSyscalls, fetchValues, UnauthorizedError } from "./api.ts";
import { listenToControls, showControls, showKinds, showValues } from "./controls.ts";
import { element, hostOf } from "./dom.ts";
import { FlameView } from "./flame_view.ts";
import { formatShare } from "./format.ts";
import { boxOfHash, type FlameModel, flameModel, hotFunctions, pathHash, pathOf } from "./model.ts";
import { parseSearch, search } from "./search.ts";
import { summaryOf } from "./summary.ts";
import { TableView } from "./table_view.ts";
import { describeBox, showTooltip } from "./tooltip.ts";
import { formatState, INITIAL, parseState, sameSelection, type State } from "./url_state.ts";
import { WaitsView } from "./waits_view.ts";

const LIVE_EVERY_MS = 15_000;
/** A page with nothing yet asks this often, so that the first samples do not wait for a click. */
const EMPTY_EVERY_MS = 5_000;

/** Holds the state; each change goes to the address bar and to what must be drawn again. */
export class Page {
  #state: State = parseState(location.search);
  #model: FlameModel | undefined;
  #focus = 0;
  #loading: AbortController | undefined;
  #timer = 0;
  readonly #view: FlameView;
  readonly #table: TableView;
  readonly #waits: WaitsView;

  constructor() {
    const tooltip = element("tooltip", HTMLElement);
    this.#view = new FlameView({
      canvas: element("canvas", HTMLCanvasElement),
      scroll: element("scroll", HTMLElement),
      spacer: element("spacer", HTMLElement),
    }, {
      onZoom: (box) => this.#zoom(box),
      onHover: (box, point) => {
        const model = this.#model;
        const shown = model && box !== undefined ? { model, box, focus: this.#focus } : undefined;
        showTooltip(tooltip, shown, point);
      },
      onKeyboardFocus: (box) => element("spoken", HTMLElement).textContent = describeBox(this.#model!, box),
    });
    this.#table = new TableView({
      table: document.querySelector("#hottest table")!,
      onPick: (name) => this.#pick(name),
    });
    this.#waits = new WaitsView({
      section: element("waits", HTMLElement),
      onPick: (name) => this.#pick(name),
    });
  }

  /** Draws what the address says and begins to listen. */
  start(): void {
    listenToControls((change) => this.#change(change));
    this.#listen();
    showControls(this.#state);
    this.#showSearchField();
    void this.#load();
  }

  #listen(): void {
    const field = element("search", HTMLInputElement);
    field.addEventListener("input", () => this.#change({ search: field.value }, { replace: true }));
    element("regex", HTMLButtonElement).addEventListener("click", () => {
      this.#change({ regex: !this.#state.regex }, { replace: true });
    });
    for (const id of ["reload", "retry"]) {
      element(id, HTMLButtonElement).addEventListener("click", () => void this.#load());
    }
    element("clear", HTMLButtonElement).addEventListener("click", () => this.#change({ node: "", comm: "" }));
    addEventListener("popstate", () => this.#go(parseState(location.search)));
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("visibilitychange", () => this.#schedule());
    const menu = element("export", HTMLDetailsElement);
    addEventListener("click", (event) => {
      if (!(event.target instanceof Node && menu.contains(event.target))) menu.open = false;
    });
  }

  #key(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    const field = element("search", HTMLInputElement);
    const menu = element("export", HTMLDetailsElement);
    if (event.key === "/" && !typing) {
      event.preventDefault();
      field.focus();
      field.select();
    } else if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    } else if (event.key === "Escape" && event.target === field && field.value) {
      event.preventDefault();
      this.#change({ search: "" }, { replace: true });
    } else if (event.key === "Escape" && !typing) {
      this.#zoom(0);
    }
  }

  #pick(name: string): void {
    this.#change({ search: this.#state.search === name ? "" : name, regex: false });
  }

  #zoom(box: number): void {
    if (this.#model) this.#change({ zoom: pathHash(this.#model, box) });
  }

  /** @param replace whether the browser's way back skips what was before */
  #change(change: Partial<State>, { replace = false }: { replace?: boolean } = {}): void {
    const next = { ...this.#state, ...change };
    const query = formatState(next);
    if (query === formatState(this.#state)) return;
    history[replace ? "replaceState" : "pushState"](null, "", query || location.pathname);
    this.#go(next);
  }

  #go(next: State): void {
    const before = this.#state;
    this.#state = next;
    showControls(next);
    this.#showSearchField();
    if (!sameSelection(before, next)) return void this.#load();
    this.#schedule();
    this.#show();
  }

  async #load(): Promise<void> {
    this.#loading?.abort();
    const loading = this.#loading = new AbortController();
    const state = this.#state;
    const graph = element("graph", HTMLElement);
    graph.setAttribute("aria-busy", "true");
    try {
      const [flame, waits, nodes, comms, kinds] = await Promise.all([
        fetchFlame(state, loading.signal),
        fetchWaits(state, loading.signal),
        fetchValues("node", state, loading.signal),
        fetchValues("comm", state, loading.signal),
        fetchKinds(state, loading.signal),
      ]);
      showValues("node", nodes, state.node);
      showValues("comm", comms, state.comm);
      showKinds(kinds, state.kind);
      this.#showError(undefined);
      this.#take(flame, waits);
    } catch (error) {
      if (loading.signal.aborted) return;
      if (error instanceof UnauthorizedError) return location.reload();
      this.#showError(error instanceof Error ? error.message : String(error));
    }
    graph.setAttribute("aria-busy", "false");
    this.#schedule();
  }

  #take({ graph, total, selection }: FlameJson, waits: Waits): void {
    this.#model = flameModel(graph);
    const noGraph = graph.total === 0;
    // Calls are counted that no stack is kept of.
    const empty = noGraph && (waits?.total.count ?? 0) === 0;
    element("graph", HTMLElement).hidden = noGraph;
    element("hottest", HTMLElement).hidden = noGraph;
    element("empty", HTMLElement).hidden = !empty;
    document.querySelector<HTMLElement>(".search")!.hidden = noGraph;
    if (empty) this.#showEmpty();
    element("summary", HTMLElement).replaceChildren(
      // Of a table all is counted, of a graph of calls it is estimated from samples.
      ...empty ? [] : summaryOf(this.#state.kind, { total: waits?.total ?? total, ...selection }),
    );
    if (waits === undefined) this.#waits.clear();
    else if ("sites" in waits) this.#waits.showLocks(waits);
    else this.#waits.showSyscalls(waits);
    this.#show();
  }

  /** Draws the model as the state says. */
  #show(): void {
    const model = this.#model;
    if (!model || model.total === 0) return;
    this.#focus = boxOfHash(model, this.#state.zoom);
    this.#view.show(model, this.#focus);
    this.#showCrumbs(model);
    this.#showMatches(model);
    this.#table.show(model, hotFunctions(model, this.#focus), model.width[this.#focus]!);
  }

  #showCrumbs(model: FlameModel): void {
    const crumbs = element("crumbs", HTMLElement);
    crumbs.hidden = this.#focus === 0;
    const path = pathOf(model, this.#focus);
    // The way to a deep box is shown by its ends.
    const shown = path.length > 7 ? [...path.slice(0, 3), -1, ...path.slice(-3)] : path;
    const parts = shown.map((box) => {
      if (box < 0) return Object.assign(document.createElement("span"), { textContent: "…" });
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = box === 0 ? "Whole graph" : model.names[model.name[box]!]!;
      if (box === this.#focus) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => this.#zoom(box));
      return button;
    });
    const reset = document.createElement("button");
    reset.type = "button";
    reset.className = "reset";
    reset.textContent = "Reset zoom";
    reset.addEventListener("click", () => this.#zoom(0));
    crumbs.replaceChildren(...parts, reset);
  }

  #showMatches(model: FlameModel): void {
    const output = element("matched", HTMLOutputElement);
    const field = element("search", HTMLInputElement);
    let test: ReturnType<typeof parseSearch>;
    try {
      test = parseSearch(this.#state.search, this.#state.regex);
      field.removeAttribute("aria-invalid");
    } catch {
      field.setAttribute("aria-invalid", "true");
      output.textContent = "No regular expression";
      return this.#view.highlight(undefined);
    }
    if (!test) {
      output.textContent = "";
      return this.#view.highlight(undefined);
    }
    const found = search(model, test, this.#focus);
    output.textContent = `${formatShare(found.width, model.width[this.#focus]!)} matched`;
    this.#view.highlight(found.names);
  }

  #showSearchField(): void {
    const field = element("search", HTMLInputElement);
    if (field.value !== this.#state.search) field.value = this.#state.search;
    element("regex", HTMLButtonElement).setAttribute("aria-pressed", String(this.#state.regex));
  }

  #showEmpty(): void {
    const { node, comm } = this.#state;
    const filtered = node !== "" || comm !== "";
    element("empty-title", HTMLElement).textContent = filtered
      ? "Nothing matches"
      : "No samples in this time";
    element("empty-filtered", HTMLElement).hidden = !filtered;
    element("empty-new", HTMLElement).hidden = filtered;
    element("command", HTMLElement).textContent = `./dev agent --aggregator http://${hostOf(location)}:50051`;
  }

  #showError(message: string | undefined): void {
    const error = element("error", HTMLElement);
    error.hidden = message === undefined;
    error.querySelector("span")!.textContent = message ?? "";
  }

  /** Asks again after a while, when that was wished and somebody looks. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const waiting = this.#model?.total === 0 && this.#state.to === INITIAL.to;
    if (document.hidden || !(this.#state.live || waiting)) return;
    this.#timer = Number(setTimeout(() => void this.#load(), waiting ? EMPTY_EVERY_MS : LIVE_EVERY_MS));
  }
}

type Waits = LocksJson | SyscallsJson | undefined;

/** Returns the table that goes with the kind's graph. */
function fetchWaits(state: State, signal: AbortSignal): Promise<Waits> {
  if (state.kind === "lock") return fetchLocks(state, signal);
  return state.kind === "syscall" ? fetchSyscalls(state, signal) : Promise.resolve(undefined);
}
