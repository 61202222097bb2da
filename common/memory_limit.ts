// SPDX-License-Identifier: Apache-2.0
/**
 * Reads how much memory control groups let this process have.
 *
 * @module
 */

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
