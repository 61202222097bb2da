// SPDX-License-Identifier: Apache-2.0
/**
 * Losses in words, with what helps.
 *
 * @module
 */

import { counted } from "../common/words.ts";
import { READING_LOSS } from "./collectors/map_sets.ts";
import type { Loss } from "./libbpf/mod.ts";
import { NAMING_LOSS } from "./naming.ts";

interface Words {
  /** Says what was lost, or is not whole: one and several. */
  readonly what: readonly [string, string];
  /** Says why, and what to do. */
  readonly why: string;
}

const MEMORY = "raise --bpf-memory (APERTURE_BPF_MEMORY)";
const MAPS_FULL = `as the kernel's maps were full: ${MEMORY}`;
const MAPS_BUSY = "as another CPU had the map just then: nothing to be done while these are few";
const SAMPLE = ["sample", "samples"] as const;
const CALL = ["system call", "system calls"] as const;
const WAIT = ["wait", "waits"] as const;
const STACK = ["stack", "stacks"] as const;
const CUT = ["stack cut short", "stacks cut short"] as const;
const PLACE = ["place of a wait or a hold", "places of waits and holds"] as const;
const HOLDER = ["holder of a lock", "holders of locks"] as const;
const HOLD = ["hold of a lock", "holds of locks"] as const;
const ERROR = ["error of a system call", "errors of system calls"] as const;

const WORDS: Readonly<Record<Loss | typeof NAMING_LOSS | typeof READING_LOSS, Words>> = {
  counts_map_full: { what: SAMPLE, why: MAPS_FULL },
  counts_map_busy: { what: SAMPLE, why: MAPS_BUSY },
  outside_pid_namespace: {
    what: ["event", "events"],
    why: "of processes outside of the agent's pid namespace: run it in the host's (hostPID: true)",
  },
  user_stack_failed: { what: STACK, why: "as their memory could not be read" },
  user_stack_truncated: { what: CUT, why: "as they have more than 254 frames" },
  kernel_stack_failed: { what: STACK, why: "of the kernel, which gave none" },
  kernel_stack_truncated: { what: CUT, why: "as they have more than 127 frames of the kernel" },
  stacks_map_full: { what: STACK, why: MAPS_FULL },
  stacks_map_busy: { what: STACK, why: MAPS_BUSY },
  threads_map_full: { what: WAIT, why: `as more threads use locks than are remembered: ${MEMORY}` },
  threads_map_busy: { what: WAIT, why: MAPS_BUSY },
  contentions_map_full: {
    what: WAIT,
    why: `as more threads wait in the kernel than are remembered: ${MEMORY}`,
  },
  contentions_map_busy: { what: WAIT, why: MAPS_BUSY },
  program_busy: { what: WAIT, why: "as they began within another one on the same CPU" },
  syscalls_map_full: { what: CALL, why: MAPS_FULL },
  syscalls_map_busy: { what: CALL, why: "as the kernel had no memory for their counts just then" },
  syscall_threads_full: { what: CALL, why: "as the kernel had no memory for their thread" },
  syscall_end_missed: { what: CALL, why: "whose end was not seen" },
  syscall_errors_map_full: { what: ERROR, why: MAPS_FULL },
  syscall_errors_map_busy: { what: ERROR, why: "as the kernel had no memory for their counts just then" },
  python_stack_failed: {
    what: ["stack of Python", "stacks of Python"],
    why: "as their memory could not be read",
  },
  python_stack_truncated: { what: CUT, why: "as they have more frames of Python than are read" },
  places_map_full: { what: PLACE, why: MAPS_FULL },
  places_map_busy: { what: PLACE, why: MAPS_BUSY },
  holder_forgotten: { what: HOLDER, why: `as they were seen too long ago: ${MEMORY}` },
  holder_raced: { what: HOLDER, why: "as others woke at the same futex just then" },
  wait_shares_map_full: { what: ["part of a wait", "parts of waits"], why: MAPS_FULL },
  holds_map_full: { what: HOLD, why: MAPS_FULL },
  holds_map_busy: { what: HOLD, why: MAPS_BUSY },
  open_map_full: {
    what: ["part of a wait or call", "parts of waits or calls"],
    why: "as too many ended while the agent looked for those that go on",
  },
  slow_map_full: { what: ["slow system call", "slow system calls"], why: MAPS_FULL },
  objects_map_full: {
    what: ["object of a slow system call", "objects of slow system calls"],
    why: `as there were more than are kept: ${MEMORY}`,
  },
  reading_failed: {
    what: ["entry of a map", "entries of maps"],
    why: "as they could not be read: see the errors before",
  },
  naming_failed: { what: ["event", "events"], why: "as a window could not be named: see the errors before" },
};

/** Says how many there were, of what, why, and what helps: `1,204 system calls, as the kernel's maps were full: …`. */
export function lossWords(loss: string, count: number): string {
  const words = WORDS[loss as keyof typeof WORDS];
  return words
    ? `${counted(count, ...words.what)}, ${words.why}`
    : `${counted(count, "event", "events")}: ${loss}`;
}
