/**
 * How much memory the engine may take of what there is.
 *
 * @module
 */

/** The engine's part; the rest is the aggregator's, the page cache's and what the limit does not count. */
const SHARE = 0.4;
const LEAST_BYTES = 512 * 2 ** 20;
const MOST_BYTES = 16 * 2 ** 30;

/** The engine's limit on this machine, or in the cgroup that this process is in, in bytes. */
export function engineMemory(available: number = availableMemory()): number {
  return Math.round(Math.min(MOST_BYTES, Math.max(LEAST_BYTES, available * SHARE)));
}

/** The machine's memory, or less where a cgroup above this process has a limit, in bytes. */
export function availableMemory(root = ""): number {
  const [, total] = /^MemTotal:\s+(\d+) kB/m.exec(readText(`${root}/proc/meminfo`)) ?? [];
  let least = total === undefined ? LEAST_BYTES / SHARE : Number(total) * 1024;
  // Version 2 alone; in a container its root is the container's own.
  const [, path] = /^0::(\/.*)$/m.exec(readText(`${root}/proc/self/cgroup`)) ?? [];
  for (let at = path; at !== undefined; at = at === "" ? undefined : at.slice(0, at.lastIndexOf("/"))) {
    if (at === "/") at = "";
    const limit = readText(`${root}/sys/fs/cgroup${at}/memory.max`).trim();
    if (/^\d+$/.test(limit)) least = Math.min(least, Number(limit));
  }
  return least;
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
