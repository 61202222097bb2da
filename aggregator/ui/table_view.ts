// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows the table of the hottest functions.
 *
 * @module
 */

import { colorsOf } from "./colors.ts";
import { formatShare, formatValue, shortModule } from "./format.ts";
import type { FlameModel, Hot } from "./model.ts";

const MAX_ROWS = 50;

export interface TableViewOptions {
  readonly table: HTMLTableElement;
  /** Is told that a function was chosen. */
  readonly onPick: (name: string) => void;
}

/** Shows rows of {@linkcode Hot}, to be sorted by either column. */
export class TableView {
  readonly #options: TableViewOptions;
  #sort: "self" | "total" = "self";
  #shown: { model: FlameModel; rows: readonly Hot[]; whole: number } | undefined;

  constructor(options: TableViewOptions) {
    this.#options = options;
    for (const button of options.table.querySelectorAll<HTMLButtonElement>("[data-sort]")) {
      button.addEventListener("click", () => {
        this.#sort = button.dataset["sort"] === "total" ? "total" : "self";
        this.#draw();
      });
    }
  }

  /** Shows `rows`, with shares of `whole`. */
  show(model: FlameModel, rows: readonly Hot[], whole: number): void {
    this.#shown = { model, rows, whole };
    this.#draw();
  }

  #draw(): void {
    const { table } = this.#options;
    for (const button of table.querySelectorAll<HTMLButtonElement>("[data-sort]")) {
      const cell = button.closest("th")!;
      if (button.dataset["sort"] === this.#sort) cell.setAttribute("aria-sort", "descending");
      else cell.removeAttribute("aria-sort");
    }
    if (!this.#shown) return;
    const sort = this.#sort;
    const rows = this.#shown.rows.filter((row) => row[sort] > 0)
      .toSorted((a, b) => b[sort] - a[sort] || b.total - a.total).slice(0, MAX_ROWS);
    const largest = {
      self: Math.max(...rows.map(({ self }) => self)),
      total: Math.max(...rows.map(({ total }) => total)),
    };
    table.tBodies[0]!.replaceChildren(...rows.map((row) => this.#row(row, largest)));
  }

  #row({ name, self, total }: Hot, largest: Pick<Hot, "self" | "total">): HTMLTableRowElement {
    const { model, whole } = this.#shown!;
    const row = document.createElement("tr");
    row.append(
      shareCell(self, { whole, largest: largest.self, unit: model.unit }),
      shareCell(total, { whole, largest: largest.total, unit: model.unit }),
      this.#functionCell(model, name),
    );
    const module = document.createElement("td");
    module.className = "module";
    module.textContent = shortModule(model.modules[name]!);
    module.title = model.modules[name]!;
    row.append(module);
    return row;
  }

  #functionCell(model: FlameModel, name: number): HTMLTableCellElement {
    const cell = document.createElement("td");
    const button = document.createElement("button");
    const text = model.names[name]!;
    button.type = "button";
    button.textContent = text;
    button.title = `Find ${text} in the graph`;
    button.style.setProperty("--module", colorsOf("", model.modules[name]!, "light").fill);
    button.addEventListener("click", () => this.#options.onPick(text));
    cell.append(button);
    return cell;
  }
}

/** @param largest the value whose bar is as wide as the cell */
function shareCell(
  value: number,
  { whole, largest, unit }: { whole: number; largest: number; unit: FlameModel["unit"] },
): HTMLTableCellElement {
  const cell = document.createElement("td");
  cell.className = "share";
  cell.style.setProperty("--part", String(largest > 0 ? Math.min(1, value / largest) : 0));
  cell.textContent = formatShare(value, whole);
  cell.title = formatValue(value, unit);
  return cell;
}
