// SPDX-License-Identifier: Apache-2.0
/**
 * Gives the labels of a series the names that relabel rules and selectors know them by, and takes them back.
 *
 * @module
 */

import { decodeLabels, encodeLabels } from "../labels.ts";
import type { Series } from "../model.ts";
import { processName } from "../process_name.ts";
import type { Labels } from "./relabel.ts";

/** Lists the columns of a series that are text; they are labels of the same name. */
const COLUMNS = ["comm", "exe", "container", "pod", "namespace", "service"] as const;
/** Begins the names of all other labels. */
const POD_LABEL = "label_";
const MAX_PID = 2 ** 32 - 1;

/** Returns the labels of `series` on `node`. */
export function labelsOf(series: Series, node: string): Map<string, string> {
  const labels = new Map<string, string>([["node", node]]);
  for (const name of COLUMNS) labels.set(name, series[name]);
  labels.set("process", processName(series));
  if (series.pid !== 0) labels.set("pid", String(series.pid));
  // A name that has other characters is known by `_` in their place, as in selectors.
  for (const [key, value] of decodeLabels(series.labels)) {
    labels.set(POD_LABEL + key.replaceAll(/[^a-zA-Z0-9_]/g, "_"), value);
  }
  return labels;
}

/**
 * Returns the series that has `labels`. Names that are no column become labels of their own, without `label_` before
 * them; those that begin with `__` are for the rules alone. The node is the batch's and does not change.
 *
 * @param given the labels of the series before, whose keys are kept as they were written
 */
export function seriesOf(labels: Labels, given: string): Series {
  const text = (name: (typeof COLUMNS)[number]) => labels.get(name) ?? "";
  const pid = labels.get("pid") ?? "";
  const written = new Map(
    [...decodeLabels(given).keys()].map((key) => [key.replaceAll(/[^a-zA-Z0-9_]/g, "_"), key]),
  );
  const others = new Map<string, string>();
  for (const [name, value] of labels) {
    if (isColumn(name) || name.startsWith("__")) continue;
    const bare = name.startsWith(POD_LABEL) ? name.slice(POD_LABEL.length) : name;
    if (bare !== "") others.set(written.get(bare) ?? bare, value);
  }
  const [exe, comm, process] = [text("exe"), text("comm"), labels.get("process") ?? ""];
  return {
    pid: /^\d{1,10}$/.test(pid) && Number(pid) <= MAX_PID ? Number(pid) : 0,
    comm,
    exe,
    process: process === processName({ exe, comm, process: "" }) ? "" : process,
    container: text("container"),
    pod: text("pod"),
    namespace: text("namespace"),
    service: text("service"),
    labels: encodeLabels(others),
  };
}

function isColumn(name: string): boolean {
  return name === "node" || name === "pid" || name === "process" ||
    (COLUMNS as readonly string[]).includes(name);
}
