// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows what threads did in slow calls, and what these were made on.
 *
 * @module
 */

import type { SyscallsJson } from "../../http/answers.ts";
import { h } from "../parts/dom.ts";
import { formatCount, formatNs, formatShare } from "../parts/format.ts";
import { DataTable } from "../parts/table.ts";
import { shareColumn, timeColumn } from "../parts/wait_columns.ts";
import type { Store } from "../state/store.ts";

type Slow = SyscallsJson["rows"][number]["slow"];
type SlowObject = Slow["objects"][number];

/** Says where the time of slow calls went: `on a CPU 25.0 %, …`. */
export function slowText(
  { total, on_cpu, in_lock, blocked }: Omit<Slow, "objects" | "other_objects">,
): string {
  const part = (text: string, ns: number) => `${text} ${formatNs(ns)} (${formatShare(ns, total.value)})`;
  return `${formatCount(total.count)} slow calls took ${formatNs(total.value)}: ${
    part("on a CPU", on_cpu)
  }, ${part("for locks of the kernel", in_lock)}, ${part("blocked", blocked)}`;
}

/** Is there while slow calls are. */
export class SlowCallsBox {
  readonly root: HTMLElement;
  readonly #text = h("p");
  readonly #rest = h("p", { class: "quiet" });
  readonly #table: DataTable<SlowObject>;
  #total = 1;

  constructor(store: Store) {
    this.#table = new DataTable<SlowObject>({
      store,
      label: "Objects of slow calls",
      rows: 8,
      columns: [
        shareColumn("Time", (object) => object.total.value, () => this.#total),
        {
          title: "Made on",
          value: ({ object }) => object,
          cell: ({ object }) =>
            h("span", { class: "name", title: object }, object || "(neither file nor peer)"),
        },
        {
          title: "Calls",
          number: true,
          value: ({ total }) => total.count,
          cell: ({ total }) => formatCount(total.count),
        },
        timeColumn("Longest", ({ max }) => max),
      ],
    });
    this.root = h("div", { class: "slow", hidden: true }, this.#text, this.#table.root, this.#rest);
  }

  show(slow: Slow | undefined): void {
    this.root.hidden = !slow || slow.total.count === 0;
    if (!slow || slow.total.count === 0) return;
    this.#total = Math.max(1, slow.total.value);
    this.#text.textContent = slowText(slow);
    this.#table.show(slow.objects);
    const { count, value } = slow.other_objects;
    this.#rest.textContent = count > 0 ? `Others: ${formatCount(count)} calls, ${formatNs(value)}` : "";
  }
}
