// SPDX-License-Identifier: Apache-2.0
/**
 * The process that a collector is told to watch.
 *
 * @module
 */

/** @throws {Error} when there is no process `pid` */
export function checkProcess(pid: number): void {
  try {
    Deno.statSync(`/proc/${pid}`);
  } catch (error) {
    throw new Error(`Cannot profile process ${pid}: there is no such process`, { cause: error });
  }
}

/** Returns the process that `pid`, which may be one of its threads, is of; `undefined` when there is neither. */
export function processOf(pid: number): number | undefined {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^Tgid:\s*(\d+)$/m.exec(status)?.[1] ?? pid);
  } catch {
    return undefined;
  }
}
