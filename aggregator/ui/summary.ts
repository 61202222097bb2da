// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows a selection in a few numbers.
 *
 * @module
 */

import type { Kind, Total } from "../../profile/model.ts";
import { formatCount, formatNs } from "./format.ts";

const VALUE_NAMES: Readonly<Record<Kind, string>> = {
  cpu: "CPU time",
  lock: "waited for locks",
  syscall: "in system calls",
};
const COUNT_NAMES: Readonly<Record<Kind, string>> = { cpu: "samples", lock: "waits", syscall: "calls" };

/** Makes elements with `total` of `kind`, from and to RFC 3339 times. */
export function summaryOf(
  kind: Kind,
  { total, from, to }: { total: Total; from: string; to: string },
): HTMLElement[] {
  const ns = (Date.parse(to) - Date.parse(from)) * 1e6;
  const parts = [[formatNs(total.value), VALUE_NAMES[kind]]];
  if (kind === "cpu") parts.push([(total.value / ns).toPrecision(3), "cores on average"]);
  if (kind === "lock") parts.push([(total.value / ns).toPrecision(3), "threads on average"]);
  parts.push([formatCount(total.count), COUNT_NAMES[kind]]);
  return parts.map(([value, label]) => {
    const span = document.createElement("span");
    const strong = document.createElement("strong");
    strong.textContent = value!;
    span.append(strong, ` ${label}`);
    return span;
  });
}
