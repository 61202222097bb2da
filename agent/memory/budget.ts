// SPDX-License-Identifier: Apache-2.0
/**
 * The memory that the agent may use, and how it is divided.
 *
 * @module
 */

/** Deno takes this before it has run anything: its own text, and what threads and V8 begin with. */
const BASE_BYTES = 96 << 20;
/** These are parts of what is left. */
const SHARES = { symbols: 0.2, debug: 0.2 } as const;
/** V8 ends a program whose heap is full, which is worse than one that is large: this is the last bound, not the aim. */
const LEAST_HEAP_BYTES = 256 << 20;
/** A container's maps and the kernel's own use leave this part of its limit. */
const LIMIT_SHARE = 0.85;

export interface Budget {
  /** All together may take so many bytes. */
  readonly bytes: number;
  /** The bound of V8's old space, where it ends the program: far above what it should hold. */
  readonly heapBytes: number;
  /** Named frames and symbol tables. */
  readonly symbolBytes: number;
  /** Debug information that is open. */
  readonly debugBytes: number;
}

/** Divides `bytes`, or what a limit of `limitBytes` leaves where that is less. */
export function divideMemory(bytes: number, limitBytes = Infinity): Budget {
  const all = Math.floor(Math.min(bytes, limitBytes * LIMIT_SHARE));
  const free = Math.max(0, all - BASE_BYTES);
  return {
    bytes: all,
    heapBytes: Math.max(LEAST_HEAP_BYTES, free),
    symbolBytes: Math.floor(free * SHARES.symbols),
    debugBytes: Math.floor(free * SHARES.debug),
  };
}

/**
 * Returns the least limit of the control groups that this process is in; Infinity where there is none.
 *
 * @param options.cgroupRoot where the unified hierarchy is mounted. @default {"/sys/fs/cgroup"}
 */
export function memoryLimit(
  { procRoot = "/proc", cgroupRoot = "/sys/fs/cgroup" }: { procRoot?: string; cgroupRoot?: string } = {},
): number {
  const own = /^0::(\/.*)$/m.exec(readText(`${procRoot}/self/cgroup`) ?? "")?.[1];
  let least = Infinity;
  // In a container with a namespace of its own, the root that it sees is its own group.
  for (let folder = own === "/" ? "" : own ?? "";; folder = folder.slice(0, folder.lastIndexOf("/"))) {
    const text = readText(`${cgroupRoot}${folder}/memory.max`)?.trim();
    if (text !== undefined && /^\d+$/.test(text)) least = Math.min(least, Number(text));
    if (folder === "") break;
  }
  // The first version of control groups has one mount for memory, and a huge number for no limit.
  const first = Number(readText(`${cgroupRoot}/memory/memory.limit_in_bytes`)?.trim() || Infinity);
  return Math.min(least, first < 2 ** 50 ? first : Infinity);
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
