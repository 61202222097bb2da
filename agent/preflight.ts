// SPDX-License-Identifier: Apache-2.0
/**
 * Tells whether this machine lets the agent watch it, and if not, what to do.
 *
 * @module
 */

import { existsSync } from "node:fs";
import type { Kind } from "../profile/model.ts";
import { libbpfVersion } from "./libbpf/mod.ts";

/** The checks look at these facts. */
export interface Facts {
  /** It is like `6.1.0-18-amd64`. */
  readonly kernelRelease: string;
  /** The kernel tells its types: it has /sys/kernel/btf/vmlinux. */
  readonly hasBtf: boolean;
  /** CapEff of /proc/self/status. */
  readonly capabilities: bigint;
  /** It is false in a user namespace, where capabilities are none over the kernel. */
  readonly inInitialUserNamespace: boolean;
  /** `none`, `integrity` or `confidentiality`. */
  readonly lockdown: string;
  /** RLIMIT_MEMLOCK: soft limit in bytes. */
  readonly lockedMemoryBytes: number;
  /** kernel.perf_event_paranoid; `undefined` where the kernel has no perf events. */
  readonly perfEventParanoid: number | undefined;
  /** The major version of the library that is installed. */
  readonly libbpf: 0 | 1 | undefined;
  /** The object files that should be there and are not. */
  readonly missingObjects: readonly string[];
}

export interface PreflightOptions {
  /** These kinds are to be collected. */
  readonly kinds: readonly Kind[];
  /** The BPF maps may use so many bytes. */
  readonly memoryBytes: number;
}

// include/uapi/linux/capability.h
const CAP_DAC_OVERRIDE = 1;
const CAP_DAC_READ_SEARCH = 2;
const CAP_SYS_PTRACE = 19;
const CAP_SYS_ADMIN = 21;
const CAP_SYS_RESOURCE = 24;
const CAP_SYSLOG = 34;
const CAP_PERFMON = 38;
const CAP_BPF = 39;
const CAP_CHECKPOINT_RESTORE = 40;

const OLDEST_KERNEL = [5, 10] as const;
/** Kernels from this one on charge maps to the memory cgroup, not to RLIMIT_MEMLOCK. */
const NO_MEMLOCK_KERNEL = [5, 11] as const;

/**
 * Returns what is missing: one sentence each, with what to do; empty when the agent can start. Causes come before what
 * only
 * follows from them.
 */
export function preflight(facts: Facts, options: PreflightOptions): string[] {
  const checks = [
    checkKernel,
    checkBtf,
    checkRights,
    checkLockdown,
    checkPerfEvents,
    checkLockedMemory,
    checkLibbpf,
    checkObjects,
  ];
  return checks.map((check) => check(facts, options)).filter((problem) => problem !== undefined);
}

/** A right without which the agent starts, and what is then not in its profiles. */
interface Useful {
  readonly name: string;
  /** Any of these gives it. */
  readonly bits: readonly number[];
  readonly without: string;
}

const USEFUL: readonly Useful[] = [
  {
    name: "CAP_SYS_PTRACE",
    bits: [CAP_SYS_PTRACE],
    without: "other users' processes cannot be looked into, and most of their functions have no names",
  },
  {
    name: "CAP_SYSLOG",
    bits: [CAP_SYSLOG],
    without: "the kernel hides its addresses, and its functions have no names",
  },
  {
    name: "CAP_DAC_READ_SEARCH",
    bits: [CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE],
    without: "functions of programs that only their owner may read have no names",
  },
  {
    name: "CAP_CHECKPOINT_RESTORE",
    bits: [CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN],
    without: "functions of programs that were deleted or replaced since they started have no names",
  },
];

/** Returns what will be missing from the profiles for want of a right: one sentence each. */
export function warnings({ capabilities }: Facts): string[] {
  return USEFUL.filter(({ bits }) => !bits.some((bit) => has(capabilities, bit)))
    .map(({ name, without }) => `Fewer rights than useful: ${name} not held; ${without}`);
}

function checkKernel({ kernelRelease }: Facts): string | undefined {
  if (atLeast(kernelRelease, OLDEST_KERNEL)) return;
  return `Kernel too old (need 5.10+): this is ${kernelRelease}; run a newer kernel`;
}

function checkBtf({ hasBtf }: Facts): string | undefined {
  if (hasBtf) return;
  return "Missing BTF of the kernel: /sys/kernel/btf/vmlinux is not there; " +
    "run a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' are, and mount /sys in a container";
}

function checkRights({ capabilities, inInitialUserNamespace }: Facts): string | undefined {
  if (!inInitialUserNamespace) {
    return "Insufficient privileges (needs `privileged: true`): this is root of a user namespace only; " +
      "run in the host's user namespace, not in a rootless container";
  }
  const missing = has(capabilities, CAP_SYS_ADMIN) ? [] : [
    ...(has(capabilities, CAP_BPF) ? [] : ["CAP_BPF"]),
    ...(has(capabilities, CAP_PERFMON) ? [] : ["CAP_PERFMON"]),
  ];
  if (missing.length === 0) return;
  return `Insufficient privileges (needs \`privileged: true\`): ${missing.join(" and ")} not held; ` +
    "run as root, or in a container with that setting";
}

function checkLockdown({ lockdown }: Facts): string | undefined {
  if (lockdown !== "confidentiality") return;
  return "Kernel locked down: in confidentiality mode no program may read the kernel's memory; " +
    "boot with lockdown=integrity or less";
}

function checkPerfEvents({ perfEventParanoid }: Facts, { kinds }: PreflightOptions): string | undefined {
  // Its level does not matter to who has the rights that are checked above.
  if (perfEventParanoid !== undefined || !kinds.includes("cpu")) return;
  return "Missing perf events: /proc/sys/kernel/perf_event_paranoid is not there; " +
    "run a kernel built with CONFIG_PERF_EVENTS=y";
}

function checkLockedMemory(
  { kernelRelease, lockedMemoryBytes, capabilities }: Facts,
  { memoryBytes }: PreflightOptions,
): string | undefined {
  // libbpf raises the limit itself where that is allowed.
  if (atLeast(kernelRelease, NO_MEMLOCK_KERNEL) || has(capabilities, CAP_SYS_RESOURCE)) return;
  if (lockedMemoryBytes >= memoryBytes) return;
  return `Locked memory too small (need ${memoryBytes} bytes before Linux 5.11): the limit is ` +
    `${lockedMemoryBytes} bytes; raise it with 'ulimit -l unlimited', or grant CAP_SYS_RESOURCE`;
}

function checkLibbpf({ libbpf }: Facts): string | undefined {
  if (libbpf === 1) return;
  return `${libbpf === 0 ? "libbpf too old (need 1.0+)" : "Missing libbpf (need 1.0+)"}: ` +
    "install it with 'apt-get install libbpf1', or its like";
}

function checkObjects({ missingObjects }: Facts): string | undefined {
  if (missingObjects.length === 0) return;
  return `Missing BPF programs: ${missingObjects.join(", ")} not there; build them with 'deno task bpf'`;
}

function has(capabilities: bigint, bit: number): boolean {
  return (capabilities >> BigInt(bit) & 1n) === 1n;
}

/** Tells whether a kernel's release is at least this; false, too, for a release that is no version. */
function atLeast(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, releaseMajor, releaseMinor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  if (releaseMajor === undefined) return false;
  return Number(releaseMajor) > major || (Number(releaseMajor) === major && Number(releaseMinor) >= minor);
}

/**
 * Looks at this machine.
 *
 * @param objects the object files that are needed
 */
export function gatherFacts(objects: readonly string[]): Facts {
  const status = read("/proc/self/status") ?? "";
  const limits = read("/proc/self/limits") ?? "";
  const paranoid = read("/proc/sys/kernel/perf_event_paranoid");
  return {
    kernelRelease: Deno.osRelease(),
    hasBtf: existsSync("/sys/kernel/btf/vmlinux"),
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`),
    inInitialUserNamespace: mapsEverybody(read("/proc/self/uid_map")),
    lockdown: /\[(\w+)\]/.exec(read("/sys/kernel/security/lockdown") ?? "")?.[1] ?? "none",
    lockedMemoryBytes: parseLimit(/^Max locked memory\s+(\S+)/m.exec(limits)?.[1]),
    perfEventParanoid: paranoid === undefined ? undefined : Number(paranoid),
    libbpf: libbpfVersion(),
    missingObjects: objects.filter((path) => !existsSync(path)),
  };
}

/**
 * Tells whether this is the initial user namespace: only that maps each of the 2^32 - 1 users to itself; a kernel
 * without namespaces has none.
 */
function mapsEverybody(uidMap: string | undefined): boolean {
  return uidMap === undefined || /^\s*0\s+0\s+4294967295\s*$/.test(uidMap);
}

function parseLimit(text: string | undefined): number {
  return text === undefined || text === "unlimited" ? Infinity : Number(text);
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
