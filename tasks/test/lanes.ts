// SPDX-License-Identifier: Apache-2.0
/**
 * Says which tests run at the same time as others.
 *
 * @module
 */

/**
 * `machine`: files that load BPF programs into their own process, one after the other; `agents`: files that run whole
 * agents and look at what those send, one after the other; `parallel`: all others, beside each other and with a low
 * priority. The lanes run at the same time: the first two mostly wait for windows to end.
 */
export type Lane = "machine" | "agents" | "parallel";

/**
 * The needs of tests (see `tests/support/needs.ts`) that keep a file out of the parallel lane: what BPF programs see is
 * the whole machine, and emulated machines are booted beside those lanes while they wait.
 */
export const SERIAL_NEEDS: readonly string[] = ["bpf", "qemu-system-x86_64"];

/** Files that run beside each other are one process: who counts what it has open would count for all of them. */
const OWN_PROCESS = "/proc/self/fd";

/** The folder of the tests of whole programs. */
const WHOLE_PROGRAMS = "tests/";

/** The need of tests that load the whole machine: what others see there would be theirs. */
const ALONE = "machine";

/**
 * Gives the lane of a file by its path in the repository and its text: one that names one of `SERIAL_NEEDS` as a
 * string, or counts what the process has open, is in a lane of its own kind. One that names the need `machine` never
 * runs beside a collector in a test's own process.
 */
export function laneOf({ path, source }: { readonly path: string; readonly source: string }): Lane {
  const isSerial = SERIAL_NEEDS.some((need) => source.includes(`"${need}"`)) || source.includes(OWN_PROCESS);
  if (!isSerial) return "parallel";
  return path.startsWith(WHOLE_PROGRAMS) && !source.includes(`"${ALONE}"`) ? "agents" : "machine";
}
