// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows rows that can be sorted by every column, of which only those in sight are made.
 *
 * @module
 */

import { type CsvCell, csvText } from "./csv.ts";
import { type Child, h, saveFile } from "./dom.ts";
import { formatCount } from "./format.ts";
import type { Store } from "../state/store.ts";

export interface Column<R> {
  readonly title: string;
  /** Explains the title. */
  readonly hint?: string;
  /** Is what rows are sorted by: numbers from large to small, texts by the alphabet. */
  readonly value: (row: R) => CsvCell;
  /** Is what a file has of the row. @default `value` */
  readonly plain?: (row: R) => CsvCell;
  readonly cell: (row: R) => Child;
  /** Aligns to the right. @default {false} */
  readonly number?: boolean;
  /** Is left out where there is little room. @default {false} */
  readonly minor?: boolean;
  /** Is the part of the cell, from 0 to 1, that a bar fills. */
  readonly bar?: (row: R) => number;
}

export interface TableOptions<R> {
  /** Keeps what the table is sorted by. */
  readonly store: Store;
  readonly label: string;
  readonly columns: readonly Column<R>[];
  /** Is the column that rows are sorted by first. @default {0} */
  readonly sort?: number;
  readonly onrow?: (row: R, how: "click" | "enter") => void;
  /** Tells which row is marked. @default the one that the arrow keys walked to */
  readonly isMarked?: (row: R) => boolean;
  /** Is what stands where there are no rows. */
  readonly empty?: string;
  /** Is so high at most; in rows. @default all rows are made, and the page scrolls */
  readonly rows?: number;
}

/** Makes a column of whole numbers, which is left out where there is little room. */
export function countColumn<R>(title: string, value: (row: R) => number): Column<R> {
  return { title, number: true, minor: true, value, cell: (row) => formatCount(value(row)) };
}

/** Is which column rows are sorted by, and whether it begins with the largest number or the first text. */
interface Order {
  readonly column: number;
  readonly down: boolean;
}

/** Rows are of one height, so that what is in sight can be reckoned. In CSS pixels, as in the style sheet. */
const ROW = 28;

/** Is a table of rows `R`. */
export class DataTable<R> {
  readonly root: HTMLElement;
  readonly #options: TableOptions<R>;
  readonly #body = h("tbody");
  readonly #heads: HTMLTableCellElement[];
  #rows: readonly R[] = [];
  #sorted: readonly R[] = [];
  /** Is the row that the arrow keys walked to, where no other is marked. */
  #cursor: R | undefined;
  #by: Order;

  constructor(options: TableOptions<R>) {
    this.#options = options;
    this.#by = this.#order;
    // Other columns may be out of sight, to the right.
    const first = options.columns.findIndex(({ minor }) => !minor);
    this.#heads = options.columns.map(({ title, hint, number, minor }, i) =>
      h(
        "th",
        { scope: "col", class: `${number ? "number" : ""} ${minor ? "minor" : ""}` },
        h("button", { title: hint, onclick: () => this.#sortBy(i) }, title),
        i === first && h("button", {
          class: "save",
          title: `Save ${options.label} as CSV`,
          onclick: () => this.#save(),
        }),
      )
    );
    const table = h(
      "table",
      { "aria-label": options.label },
      h("thead", {}, h("tr", {}, ...this.#heads)),
      this.#body,
    );
    this.root = h("div", {
      class: "table-scroll",
      tabindex: 0,
      role: "group",
      "aria-label": options.label,
      onscroll: () => this.#draw(),
      onkeydown: (event: KeyboardEvent) => this.#key(event),
    }, table);
    if (options.rows !== undefined) this.root.style.maxHeight = `${options.rows * ROW + 34}px`;
    options.store.subscribe(() => {
      const { column, down } = this.#by;
      this.#by = this.#order;
      if (this.#by.column !== column || this.#by.down !== down) this.#sort();
    });
  }

  show(rows: readonly R[]): void {
    this.#rows = rows;
    this.#by = this.#order;
    this.#sort();
  }

  #save(): void {
    const { columns, label } = this.#options;
    const rows = this.#sorted.map((row) => columns.map(({ value, plain = value }) => plain(row)));
    const text = csvText([columns.map(({ title }) => title), ...rows]);
    const name = `aperture-${label.toLowerCase().replaceAll(" ", "-")}.csv`;
    saveFile(name, text);
  }

  /** Is the order that the address has. */
  get #order(): Order {
    const { store, label, columns, sort = 0 } = this.#options;
    const text = store.state.sort.find((text) => text.startsWith(`${label}:`))?.slice(label.length + 1);
    const column = columns.findIndex(({ title }) => text === title || text === `${title}-`);
    return column < 0 ? { column: sort, down: true } : { column, down: text === columns[column]!.title };
  }

  #sortBy(column: number): void {
    const { store, label, columns, sort = 0 } = this.#options;
    const isTurned = column === this.#by.column && this.#by.down;
    const others = store.state.sort.filter((text) => !text.startsWith(`${label}:`));
    const own = `${label}:${columns[column]!.title}${isTurned ? "-" : ""}`;
    store.set({ sort: column === sort && !isTurned ? others : [...others, own] });
  }

  #sort(): void {
    const { column, down } = this.#by;
    const { value } = this.#options.columns[column]!;
    const sign = down ? 1 : -1;
    this.#sorted = this.#rows.map((row) => [value(row), row] as const).sort(([a], [b]) =>
      typeof a === "number" ? sign * ((b as number) - a) : sign * (a < b ? -1 : a > b ? 1 : 0)
    ).map(([, row]) => row);
    this.#heads.forEach((head, i) => {
      const text = typeof (this.#rows[0] && value(this.#rows[0])) === "string";
      if (i !== column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", down === text ? "ascending" : "descending");
    });
    this.#draw();
  }

  #draw(): void {
    const { columns, empty = "Nothing", rows: most } = this.#options;
    const count = this.#sorted.length;
    if (count === 0) {
      this.#body.replaceChildren(h("tr", {}, h("td", { colspan: columns.length, class: "quiet" }, empty)));
      return;
    }
    const first = most === undefined ? 0 : Math.max(0, Math.floor(this.root.scrollTop / ROW) - 5);
    const end = most === undefined ? count : Math.min(count, first + most + 15);
    const gap = (rows: number) => {
      const row = h("tr", { class: "gap", "aria-hidden": "true" }, h("td", { colspan: columns.length }));
      row.firstElementChild instanceof HTMLElement &&
        (row.firstElementChild.style.height = `${rows * ROW}px`);
      return row;
    };
    this.#body.replaceChildren(
      ...(first > 0 ? [gap(first)] : []),
      ...this.#sorted.slice(first, end).map((row) => this.#row(row)),
      ...(end < count ? [gap(count - end)] : []),
    );
  }

  #row(row: R): HTMLTableRowElement {
    const { columns, onrow, isMarked } = this.#options;
    const cells = columns.map(({ cell, number, minor, bar }) => {
      const made = h(
        "td",
        { class: `${number ? "number" : ""} ${minor ? "minor" : ""} ${bar ? "meter" : ""}` },
        cell(row),
      );
      if (bar) made.style.setProperty("--part", String(Math.min(1, Math.max(0, bar(row)))));
      return made;
    });
    return h("tr", {
      class: onrow ? "pickable" : undefined,
      "aria-selected": isMarked || onrow ? String(this.#isMarked(row)) : undefined,
      onclick: onrow && (() => onrow(row, "click")),
    }, ...cells);
  }

  #isMarked(row: R): boolean {
    return this.#options.isMarked?.(row) ?? row === this.#cursor;
  }

  #key(event: KeyboardEvent): void {
    const { onrow, isMarked } = this.#options;
    if (!onrow || event.target !== this.root) return;
    const at = this.#sorted.findIndex((row) => this.#isMarked(row));
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const row = this.#sorted[Math.max(0, at + step)];
    if (step === 0 && event.key !== "Enter" || !row) return;
    event.preventDefault();
    const top = this.#sorted.indexOf(row) * ROW;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    const bottom = top + 2 * ROW - this.root.clientHeight;
    if (bottom > this.root.scrollTop) this.root.scrollTop = bottom;
    if (isMarked || step === 0) return onrow(row, step === 0 ? "enter" : "click");
    // A row that leads away when it is picked can be walked over first.
    this.#cursor = row;
    this.#draw();
  }
}
