// SPDX-License-Identifier: Apache-2.0
/**
 * The pid namespace of the agent, in whose numbers it shows processes.
 *
 * @module
 */

/** PROC_PID_INIT_INO of include/linux/proc_ns.h: the initial namespace's inode, the same on every machine. */
const INITIAL = 0xeffffffc;

/**
 * Returns the inode of the pid namespace that this process is in; 0 when that is the initial one, in which all
 * processes are and whose numbers the kernel itself uses.
 */
export function pidNamespace(): number {
  const inode = Number(/\d+/.exec(Deno.readLinkSync("/proc/self/ns/pid"))![0]);
  return inode === INITIAL ? 0 : inode;
}
