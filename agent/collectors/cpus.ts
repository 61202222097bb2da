// SPDX-License-Identifier: Apache-2.0
/**
 * The CPUs of this machine.
 *
 * @module
 */

/** Returns the numbers of a list as the kernel writes it, like `0-3,8`. */
export function parseCpuList(text: string): number[] {
  return text.trim().split(",").filter((range) => range !== "").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}

/** Returns the CPUs that are online. */
export function onlineCpus(): number[] {
  return parseCpuList(Deno.readTextFileSync("/sys/devices/system/cpu/online"));
}
