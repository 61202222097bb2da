// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the table of a graph's functions, which follows its zoom and its search.
 *
 * @module
 */

import { colorsOf } from "../flame/colors.ts";
import { type FlameModel, functionKey, type Hot, hotFunctions } from "../flame/model.ts";
import type { App } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import { formatShare, formatValue, shortModule } from "../parts/format.ts";
import { type Column, DataTable } from "../parts/table.ts";

/** Is what the table is of. */
export interface HotShown {
  readonly model: FlameModel;
  /** Is the box that is zoomed to: functions within it are counted. */
  readonly focus: number;
  /** Is what shares are of. */
  readonly whole: number;
  /** Holds for each row of the names 1 where it matches the search. */
  readonly matches: Uint8Array | undefined;
}

export interface HotTableEvents {
  /** Is told which function the pointer is at, or was picked: a row of the model's names. */
  readonly onlook: (name: number) => void;
  readonly onpick: (name: number, how: "click" | "enter") => void;
}

/** Is a table with a row for each function. */
export class HotTable {
  readonly #app: App;
  readonly #table: DataTable<Hot>;
  #shown: HotShown | undefined;

  constructor(app: App, { onlook, onpick }: HotTableEvents) {
    this.#app = app;
    this.#table = new DataTable<Hot>({
      store: app.store,
      label: "Functions",
      rows: 24,
      columns: this.#columns(onlook),
      isMarked: ({ name }) => app.store.state.fn === functionKey(this.#shown!.model, name),
      onrow: ({ name }, how) => onpick(name, how),
      empty: "No function matches",
    });
  }

  get root(): HTMLElement {
    return this.#table.root;
  }

  show(shown: HotShown): void {
    this.#shown = shown;
    const { model, focus, matches } = shown;
    const rows = hotFunctions(model, focus);
    this.#table.show(matches ? rows.filter(({ name }) => matches[name] === 1) : rows);
  }

  #columns(onlook: HotTableEvents["onlook"]): Column<Hot>[] {
    const nameOf = (row: Hot) => this.#shown!.model.names[row.name]!;
    const moduleOf = (row: Hot) => this.#shown!.model.modules[row.name]!;
    const amount = (value: number) => formatValue(value, this.#shown!.model.unit);
    const share = (part: "self" | "total", title: string, hint: string): Column<Hot> => ({
      title,
      hint,
      number: true,
      value: (row) => row[part],
      cell: (row) => h("span", { title: amount(row[part]) }, formatShare(row[part], this.#shown!.whole)),
      bar: (row) => row[part] / (this.#shown!.model.width[this.#shown!.focus] || 1),
    });
    return [
      share("self", "Self", "In the function itself, of the selection"),
      share("total", "Total", "In it and in what it calls, of the selection"),
      {
        title: "Amount",
        hint: "In the function itself",
        number: true,
        minor: true,
        value: (row) => row.self,
        cell: (row) => amount(row.self),
      },
      {
        title: "Function",
        value: nameOf,
        cell: (row) => {
          const dot = h("i", { class: "dot" });
          const looks = { theme: this.#app.theme(), by: this.#app.store.state.color };
          dot.style.background = colorsOf(nameOf(row), moduleOf(row), looks).fill;
          const hover = { title: nameOf(row), onmouseenter: () => onlook(row.name) };
          return h("span", { class: "name", ...hover }, dot, nameOf(row));
        },
      },
      {
        title: "Module",
        minor: true,
        value: moduleOf,
        cell: (row) => h("span", { class: "quiet", title: moduleOf(row) }, shortModule(moduleOf(row))),
      },
    ];
  }
}
