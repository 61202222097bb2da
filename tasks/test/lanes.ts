// SPDX-License-Identifier: Apache-2.0
/**
 * Says which tests run at the same time as others.
 *
 * @module
 */

/**
 * `parallel`: files run beside each other, with a low priority. Files of the two others run one after the other, beside
 * that lane and each other: `measuring` has the tests whose figures depend on when programs run, `watching` those that
 * look at what agents see of a program.
 */
export type Lane = "measuring" | "watching" | "parallel";

/**
 * The needs of tests (see `tests/support/needs.ts`) that put a file into one of the two serial lanes: what BPF programs
 * see is the whole machine, and emulated machines are booted beside those lanes while they wait.
 */
export const SERIAL_NEEDS: readonly string[] = ["bpf", "qemu-system-x86_64"];

/** Files that run beside each other are one process: who counts what it has open would count for all of them. */
const OWN_PROCESS = "/proc/self/fd";

/**
 * Programs that go ahead of all others and have a CPU to themselves, those that contend for locks, whose waits are as
 * long as it takes until they run again, and figures that are held to those of perf.
 */
const MEASURED = /\bchrt\b|\burgent: true\b|\bContender\b|"perf"/;

/**
 * Gives the lane of a file by its text: a file that names one of `SERIAL_NEEDS` as a string, or counts what the process
 * has open, is in a serial one.
 */
export function laneOf(source: string): Lane {
  const isSerial = SERIAL_NEEDS.some((need) => source.includes(`"${need}"`)) || source.includes(OWN_PROCESS);
  if (!isSerial) return "parallel";
  return MEASURED.test(source) ? "measuring" : "watching";
}
