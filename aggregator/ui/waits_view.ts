// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows the tables of what was waited for: locks with who held them, and system calls with their latencies.
 *
 * @module
 */

import type { LocksJson, SyscallsJson } from "../http/answers.ts";
import { formatCount, formatNs, formatShare, shortModule } from "./format.ts";

const MAX_ROWS = 50;
/** So many holders, and kinds of errors, are named in a row; the cell's title has all. */
const MAX_NAMED = 3;

export interface WaitsViewOptions {
  readonly section: HTMLElement;
  /** Is told that a function or a call was chosen. */
  readonly onPick: (name: string) => void;
}

/** Shows one table of either sort, or none. */
export class WaitsView {
  readonly #options: WaitsViewOptions;

  constructor(options: WaitsViewOptions) {
    this.#options = options;
  }

  /** Hides the table. */
  clear(): void {
    this.#options.section.hidden = true;
  }

  /** Shows who waited for locks, and for whom. */
  showLocks({ sites, total }: LocksJson): void {
    const largest = Math.max(...sites.map((site) => site.total.value));
    this.#show("Locks: who waited, and for whom", {
      head: ["Delay", "Waits", "Longest", "Class", "Waited in", "Held by", "Gave up"],
      rows: sites.slice(0, MAX_ROWS).map((site) => [
        shareCell(site.total.value, {
          largest,
          title: `${formatShare(site.total.value, total.value)} of all`,
        }),
        numberCell(formatCount(site.total.count)),
        numberCell(formatNs(site.max)),
        textCell(site.type === "futex" ? site.class : `${site.class} (kernel)`),
        this.#nameCell(site.function, site.stack.join(" ← ")),
        this.#holdersCell(site),
        numberCell(
          site.timeouts + site.interrupted > 0 ? formatCount(site.timeouts + site.interrupted) : "",
          `${formatCount(site.timeouts)} timed out, ${formatCount(site.interrupted)} interrupted`,
        ),
      ]),
    });
  }

  /** Shows calls and how long they took. */
  showSyscalls({ rows, total }: SyscallsJson): void {
    const largest = Math.max(...rows.map((row) => row.total.value));
    this.#show("System calls", {
      head: ["Time", "Calls", "Per second", "Call", "p50", "p90", "p99", "Longest", "Errors"],
      rows: rows.slice(0, MAX_ROWS).map((row) => [
        shareCell(row.total.value, { largest, title: `${formatShare(row.total.value, total.value)} of all` }),
        numberCell(formatCount(row.total.count)),
        numberCell(row.rate >= 100 ? formatCount(row.rate) : row.rate.toPrecision(2)),
        this.#nameCell(row.call, row.category),
        ...[row.p50, row.p90, row.p99, row.max].map((ns) => numberCell(formatNs(ns))),
        errorsCell(row.errors, row.failed),
      ]),
    });
  }

  #show(title: string, { head, rows }: { head: readonly string[]; rows: readonly HTMLElement[][] }): void {
    const { section } = this.#options;
    section.hidden = rows.length === 0;
    section.querySelector("h2")!.textContent = title;
    const table = section.querySelector("table")!;
    const names = head.map((text, i) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = text;
      cell.className = rows[0]?.[i]?.className ?? "";
      return cell;
    });
    table.tHead!.rows[0]!.replaceChildren(...names);
    table.tBodies[0]!.replaceChildren(...rows.map((cells) => {
      const row = document.createElement("tr");
      row.append(...cells);
      return row;
    }));
  }

  #nameCell(name: string, title: string): HTMLTableCellElement {
    const cell = textCell("", title, "name");
    cell.append(this.#pick(name));
    return cell;
  }

  #holdersCell({ holders, total }: LocksJson["sites"][number]): HTMLTableCellElement {
    const text = (holder: (typeof holders)[number]) => {
      const module = holder.module === "" ? "" : ` in ${shortModule(holder.module)}`;
      return `${holder.function || "not seen"}${module}: ${formatNs(holder.total.value)}`;
    };
    const cell = textCell("", holders.map(text).join("\n"), "name");
    for (const holder of holders.slice(0, MAX_NAMED)) {
      const share = document.createElement("small");
      share.textContent = formatShare(holder.total.value, total.value);
      if (holder.function === "") cell.append("not seen ", share, " ");
      else cell.append(this.#pick(holder.function), " ", share, " ");
    }
    if (holders.length > MAX_NAMED) cell.append("…");
    return cell;
  }

  #pick(name: string): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = name;
    button.addEventListener("click", () => this.#options.onPick(name));
    return button;
  }
}

function errorsCell(errors: Readonly<Record<string, number>>, failed: number): HTMLTableCellElement {
  const all = Object.entries(errors).map(([name, count]) => `${name} ${formatCount(count)}`);
  const shown = all.slice(0, MAX_NAMED).join(", ") + (all.length > MAX_NAMED ? ", …" : "");
  return textCell(shown, failed > 0 ? `${formatCount(failed)} failed\n${all.join("\n")}` : "");
}

function numberCell(text: string, title = ""): HTMLTableCellElement {
  return textCell(text, title, "number");
}

function textCell(text: string, title = "", className = ""): HTMLTableCellElement {
  const cell = document.createElement("td");
  cell.textContent = text;
  cell.title = title;
  cell.className = className;
  return cell;
}

/** @param largest the value whose bar is as wide as the cell */
function shareCell(
  value: number,
  { largest, title }: { largest: number; title: string },
): HTMLTableCellElement {
  const cell = textCell(formatNs(value), title, "share");
  cell.style.setProperty("--part", String(largest > 0 ? value / largest : 0));
  return cell;
}
