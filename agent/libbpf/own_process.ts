/**
 * What this process asks of the kernel and the C library for itself.
 *
 * @module
 */

import { bpfError, lastErrno } from "./errors.ts";
import { openLibrary } from "./library.ts";

const PR_SET_CHILD_SUBREAPER = 36;

/**
 * From now on, a process whose parent ended becomes a child of this one, if it descends from it.
 *
 * @throws {BpfError} when the kernel refuses
 */
export function adoptOrphans(): void {
  using library = openLibrary();
  if (library.libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) === 0) return;
  throw bpfError(library, { doing: "adopt processes whose parent ended", errno: lastErrno(library) });
}

/** Gives the system back what the C library's allocator holds and does not use; takes some milliseconds. */
export function giveBackMemory(): void {
  using library = openLibrary();
  library.libc.malloc_trim(0n);
}
