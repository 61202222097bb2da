// SPDX-License-Identifier: Apache-2.0
/**
 * Reads out of `/proc/PID/cgroup` (cgroups(7)) which container, pod or systemd unit a process belongs to.
 *
 * Each runtime names the cgroups of its containers in its own way, and differently for either driver:
 *
 * | who                    | cgroupfs                                 | systemd                                    |
 * |------------------------|------------------------------------------|--------------------------------------------|
 * | kubelet, a pod         | `kubepods/burstable/podUID`              | `kubepods-burstable-podU_I_D.slice`        |
 * | containerd, its CRI    | `ID`                                     | `cri-containerd-ID.scope`                  |
 * | CRI-O                  | `crio-ID`                                | `crio-ID.scope`                            |
 * | Docker                 | `docker/ID`                              | `docker-ID.scope`                          |
 * | Podman                 | `libpod_parent/libpod-ID`                | `libpod-ID.scope`, `libpod-payload-ID`     |
 *
 * containerd with the one driver below a kubelet with the other makes `SLICE:cri-containerd:ID`. A container
 * may itself run any of these (kind, Docker in Docker), so that a path can name several containers.
 *
 * @module
 */

export type Qos = "guaranteed" | "burstable" | "besteffort";

/** Says where a process runs. */
export interface Placement {
  /** The runtime's ids, 64 hex digits each, the outermost container first. */
  readonly containers: readonly string[];
  /**
   * Names the runtime of the innermost container: `containerd`, `cri-o`, `docker` or `podman`; "" when the path does
   * not say.
   */
  readonly runtime: string;
  /** It is in lower case, with dashes where it is a UUID; that of a static pod is 32 hex digits. "" outside of pods. */
  readonly podUid: string;
  /** It is "" outside of pods, and where the path does not say. */
  readonly qos: Qos | "";
  /** The systemd unit, unescaped: `nginx.service`, `session-3.scope`, else the slice. "" when there is none. */
  readonly unit: string;
  /**
   * The path climbs this many levels above the reader's own cgroup before it descends: not 0 only where the
   * reader has a cgroup namespace of its own.
   */
  readonly above: number;
}

/** A process that the cgroups say nothing about. */
export const NOWHERE: Placement = { containers: [], runtime: "", podUid: "", qos: "", unit: "", above: 0 };

const UID = "[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32}";
const POD = new RegExp(`(?:^|-)pod(${UID})(?:\\.slice)?$`);
const CONTAINER = /^(?:([a-z][a-z0-9_-]*)-)?([0-9a-f]{64})(?:\.scope)?$/;
const COLONS = /^(.+):([a-z][a-z0-9_-]*):([0-9a-f]{64})$/;
const RUNTIMES: Readonly<Record<string, string>> = {
  "cri-containerd": "containerd",
  "nerdctl": "containerd",
  "crio": "cri-o",
  "docker": "docker",
  "libpod": "podman",
  "libpod-payload": "podman",
};
/** Podman's payload of a unit is started by that unit, which names it better than any id. */
const PAYLOAD = "libpod-payload";
const DELETED = " (deleted)";

type Draft = { -readonly [K in keyof Placement]: Placement[K] } & { containers: string[] };

/**
 * Returns the placement that the lines of a `/proc/PID/cgroup` tell.
 *
 * On cgroup v1 and on hybrid machines there is a line per hierarchy, not all of which need be in use: the
 * most telling line is taken, and among equals the unified one, then systemd's own.
 */
export function parseCgroup(text: string): Placement {
  let best: Placement = NOWHERE;
  let bestRank = -1;
  let above = 0;
  const seen = new Set<string>();
  for (const line of text.split("\n")) {
    const parts = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (parts === null) continue;
    const [, controllers, path] = parts as unknown as [string, string, string];
    const hierarchy = controllers === "" ? 2 : controllers === "name=systemd" ? 1 : 0;
    // Most hierarchies of a v1 process have the same path.
    const key = `${hierarchy}${path}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const placement = parsePath(path);
    above = Math.max(above, placement.above);
    const rank = tells(placement) * 3 + hierarchy;
    if (rank > bestRank) [best, bestRank] = [placement, rank];
  }
  // A hierarchy that is not in use says `/` of every process.
  return above === best.above ? best : { ...best, above };
}

/**
 * Orders placements by how much they tell: a container more than its pod, a pod more than a unit, a service more than a
 * slice.
 */
function tells({ containers, podUid, unit }: Placement): number {
  return (containers.length > 0 ? 8 : 0) + (podUid ? 4 : 0) + (unit ? 1 : 0) +
    (unit && !unit.endsWith(".slice") ? 1 : 0);
}

/** Returns the placement that one cgroup's path tells. */
export function parsePath(path: string): Placement {
  const draft: Draft = { ...NOWHERE, containers: [] };
  let parent = "";
  for (const segment of (path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path).split("/")) {
    if (segment === "") continue;
    if (segment === "..") {
      draft.above++;
      continue;
    }
    const colons = COLONS.exec(segment);
    const names = colons ? [colons[1]!, `${colons[2]}-${colons[3]}`] : [segment];
    for (const name of names) {
      descend(draft, name, parent);
      parent = name;
    }
  }
  return draft;
}

function descend(draft: Draft, name: string, parent: string): void {
  const pod = POD.exec(name);
  if (pod !== null) {
    draft.podUid = pod[1]!.replaceAll("_", "-");
    draft.qos = qosOf(name, parent);
    draft.unit = "";
    return;
  }
  const container = CONTAINER.exec(name);
  if (container !== null) {
    const prefix = container[1] ?? (parent === "docker" ? parent : "");
    // The monitor of a container is not in it, and its unit's name is only the id again.
    if (prefix.includes("conmon")) return;
    draft.containers.push(container[2]!);
    draft.runtime = RUNTIMES[prefix] ?? "";
    if (prefix !== PAYLOAD) draft.unit = "";
    return;
  }
  if (/\.(service|scope)$/.test(name)) draft.unit = unescapeUnit(name);
  // A slice holds units; it stands for those of its processes that are in none.
  else if (/\.slice$/.test(name) && !/(^|-)kubepods\b/.test(name) && !/\.(service|scope)$/.test(draft.unit)) {
    draft.unit = unescapeUnit(name);
  }
}

/** Pods of the class `guaranteed` stand in the class's own place, those of the others one level below. */
function qosOf(name: string, parent: string): Qos | "" {
  const place = name.endsWith(".slice") ? name.slice(0, name.lastIndexOf("-pod")) : parent;
  const last = place.slice(place.lastIndexOf("-") + 1);
  if (last === "burstable" || last === "besteffort") return last;
  return last === "kubepods" ? "guaranteed" : "";
}

const decoder = new TextDecoder();

/**
 * Returns a unit's name as systemctl shows it, from that of its cgroup: systemd puts a `_` before names that could be
 * taken for the cgroup's own files, and writes bytes that units may not have as `\xHH`.
 */
export function unescapeUnit(name: string): string {
  const bare = name.startsWith("_") ? name.slice(1) : name;
  return bare.replaceAll(/(?:\\x[0-9a-f]{2})+/g, (escaped) => {
    return decoder.decode(Uint8Array.from(escaped.slice(2).split("\\x"), (byte) => parseInt(byte, 16)));
  });
}
