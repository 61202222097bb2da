// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the pod or container that the agent itself is in.
 *
 * With a cgroup namespace of its own, the agent's own cgroup and what is below is `/` to it, and `/proc/PID/cgroup`
 * no longer says which container that is. What the kubelet and Docker mount into each container does.
 *
 * @module
 */

/** The agent's own place; "" is not known. */
export interface OwnContainer {
  readonly podUid: string;
  /** The container's name in its pod. */
  readonly container: string;
  /** The runtime's id of it. */
  readonly containerId: string;
}

/** CGROUP_NS_INIT_INO of include/linux/proc_ns.h: the initial namespace's inode, the same on every machine. */
const INITIAL = 0xeffffffb;

/**
 * Returns the place of this process where it has a cgroup namespace of its own; else `undefined`: its paths are whole.
 */
export function ownContainer(procRoot = "/proc"): OwnContainer | undefined {
  try {
    const inode = Number(/\d+/.exec(Deno.readLinkSync(`${procRoot}/self/ns/cgroup`))?.[0]);
    return inode === INITIAL
      ? undefined
      : parseOwnContainer(Deno.readTextFileSync(`${procRoot}/self/mountinfo`));
  } catch {
    return undefined; // A kernel without cgroup namespaces.
  }
}

/**
 * Reads the place out of `/proc/self/mountinfo` (proc(5): the 4th field is what of a file system is mounted, the
 * 5th where): the kubelet mounts `…/pods/UID/containers/NAME/HASH` as the termination log, and it or Docker
 * their own `/etc/hosts`.
 */
export function parseOwnContainer(mountinfo: string): OwnContainer {
  const roots = new Map(
    mountinfo.split("\n").map((line) => line.split(" ")).map((fields) => [fields[4], fields[3] ?? ""]),
  );
  const hosts = roots.get("/etc/hosts") ?? "";
  const log = /\/pods\/([0-9a-f-]{32,36})\/containers\/([^/]+)\//.exec(
    roots.get("/dev/termination-log") ?? "",
  );
  return {
    podUid: log?.[1] ?? /\/pods\/([0-9a-f-]{32,36})\/etc-hosts$/.exec(hosts)?.[1] ?? "",
    container: log?.[2] ?? "",
    containerId: /\/containers\/([0-9a-f]{64})\/hosts$/.exec(hosts)?.[1] ?? "",
  };
}
