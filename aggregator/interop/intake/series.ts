// SPDX-License-Identifier: Apache-2.0
/**
 * Makes series of the labels that others give to their profiles.
 *
 * @module
 */

import { encodeLabels } from "../../../profile/labels.ts";
import type { Series } from "../../../profile/model.ts";
import { processName } from "../../../profile/process_name.ts";
import { POD_LABEL } from "../../../profile/otlp/write_otlp.ts";

/** Says which labels a column of a series is taken from: the first that is there. */
const SOURCES = {
  node: ["node", "k8s.node.name", "host.name", "hostname"],
  service: ["service_name", "service.name"],
  namespace: ["namespace", "k8s.namespace.name"],
  pod: ["pod", "k8s.pod.name"],
  container: ["container", "k8s.container.name", "container.id"],
  exe: ["process.executable.path", "exe"],
  process: ["process", "process.executable.name"],
  comm: ["thread.name", "thread_name", "thread", "comm"],
  pid: ["process.pid", "pid"],
} as const satisfies Record<string, readonly string[]>;

/** A node is at most so long. */
const NODE_LENGTH = 256;
const MAX_PID = 2 ** 32 - 1;

/** Is what a profile belongs to. */
export interface Origin {
  readonly node: string;
  readonly series: Series;
}

/**
 * Returns what a profile with `labels` belongs to. What is no column of a series is a label of its own; names that begin
 * with `__` are for those who send them. Where no process is named, its service stands for it, and
 * where no thread is, its process.
 *
 * @param address stands for the node where no label names one; "" where it is not known
 */
export function originOf(labels: ReadonlyMap<string, string>, address: string): Origin {
  const rest = new Map(
    [...labels].filter(([name, value]) => value !== "" && !name.startsWith("__"))
      .map(([name, value]) => [name.startsWith(POD_LABEL) ? name.slice(POD_LABEL.length) : name, value]),
  );
  const take = (names: readonly string[]) => {
    const found = names.find((name) => rest.has(name));
    if (found === undefined) return "";
    const value = rest.get(found)!;
    rest.delete(found);
    return value;
  };
  const node = take(SOURCES.node) || address || "unknown";
  const service = take(SOURCES.service);
  const process = take(SOURCES.process);
  const pid = take(SOURCES.pid);
  const series = {
    namespace: take(SOURCES.namespace),
    pod: take(SOURCES.pod),
    container: take(SOURCES.container),
    exe: take(SOURCES.exe),
    comm: take(SOURCES.comm) || process || service,
    pid: /^\d{1,10}$/.test(pid) && Number(pid) <= MAX_PID ? Number(pid) : 0,
    service,
  };
  // What the file of the program says is left out, as in series of agents.
  const byFile = processName({ ...series, process: "", comm: "" });
  const own = (process || byFile || service) === byFile ? "" : process || service;
  return {
    node: node.slice(0, NODE_LENGTH),
    series: { ...series, process: own, labels: encodeLabels(rest) },
  };
}
