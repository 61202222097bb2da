// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the table of what differs, a row for each function.
 *
 * @module
 */

import type { AnyKind } from "../../../profile/profile_type.ts";
import { changeOf, type DiffRow, type Norm, type Side } from "../flame/diff.ts";
import { h } from "../parts/dom.ts";
import { formatChange, shortModule } from "../parts/format.ts";
import { formatNormed } from "../parts/kind_words.ts";
import { type Column, DataTable } from "../parts/table.ts";
import type { Store } from "../state/store.ts";

const MOST_ROWS = 2000;

export interface DifferencesShown {
  readonly rows: readonly DiffRow[];
  readonly sides: { readonly base: Side; readonly compare: Side };
  readonly kind: AnyKind;
  readonly norm: Norm;
}

export class DifferencesTable {
  readonly #table: DataTable<DiffRow>;
  #shown: DifferencesShown | undefined;

  constructor(store: Store) {
    this.#table = new DataTable<DiffRow>({
      store,
      label: "Differences",
      rows: 24,
      columns: this.#columns(),
      sort: 3,
      empty: "Nothing differs beyond chance",
    });
  }

  get root(): HTMLElement {
    return this.#table.root;
  }

  show(shown: DifferencesShown): void {
    this.#shown = shown;
    const { rows, sides } = shown;
    const change = ({ base, compare }: DiffRow) =>
      changeOf(base.self, compare.self, sides) || changeOf(base.total, compare.total, sides);
    const real = rows.filter((row) => change(row) !== 0);
    this.#table.show(real.slice(0, MOST_ROWS));
  }

  #columns(): Column<DiffRow>[] {
    const scaled = (row: DiffRow, side: "base" | "compare", part: "self" | "total") =>
      row[side][part] * (this.#shown?.sides[side].scale ?? 0);
    const value = (amount: number) => formatNormed(amount, this.#shown!.kind, this.#shown!.norm);
    const number = (title: string, side: "base" | "compare", part: "self" | "total", minor = false) => ({
      title,
      number: true,
      minor,
      value: (row: DiffRow) => scaled(row, side, part),
      cell: (row: DiffRow) => value(scaled(row, side, part)),
    });
    const more = (row: DiffRow) => scaled(row, "compare", "self") - scaled(row, "base", "self");
    return [
      {
        title: "Function",
        value: (row) => row.function,
        cell: (row) => h("span", { class: "name", title: `${row.function}\n${row.module}` }, row.function),
      },
      number("A itself", "base", "self"),
      number("B itself", "compare", "self"),
      {
        title: "Difference",
        hint: "In the function itself, largest first",
        number: true,
        value: (row) => Math.abs(more(row)),
        plain: more,
        cell: (row) => {
          const amount = more(row);
          // It is what it calls that differs.
          if (amount === 0) return "=";
          const [word, sign] = amount > 0 ? ["more", "▲ +"] : ["less", "▼ −"];
          return h("span", { class: word }, `${sign}${value(Math.abs(amount))}`);
        },
      },
      {
        title: "Change",
        number: true,
        value: (row) => more(row) / (scaled(row, "base", "self") || 1e-12),
        plain: (row) => scaled(row, "base", "self") > 0 ? more(row) / scaled(row, "base", "self") : "new",
        cell: (row) => formatChange(scaled(row, "base", "self"), scaled(row, "compare", "self")),
      },
      number("A total", "base", "total", true),
      number("B total", "compare", "total", true),
      {
        title: "Module",
        minor: true,
        value: (row) => row.module,
        cell: (row) => h("span", { class: "quiet", title: row.module }, shortModule(row.module)),
      },
    ];
  }
}
