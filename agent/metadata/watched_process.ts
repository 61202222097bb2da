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
