// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps temporary files of tests in memory: engines make and remove many small ones all the time, which a disk need
 * not have.
 *
 * @module
 */

import { run } from "./programs.ts";

const GIB = 2 ** 30;
/** The folder holds so much at most; a run of all tests has less than half of that at once. */
const ROOM_BYTES = 4 * GIB;
/** A machine with less memory to spare needs it for the tests. */
const SPARE_BYTES = 2 * ROOM_BYTES;

/**
 * A folder that goes with what is in it: a file system in memory where we may mount one and there is room, else on the
 * disk. It is none of `/dev/shm`, of which Deno lets only programs with all permissions have files.
 */
export class MemoryFolder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "aperture-tests-" });
  readonly #isMounted: boolean;

  constructor() {
    this.#isMounted = Deno.uid() === 0 && Deno.systemMemoryInfo().available >= SPARE_BYTES &&
      mount(this.path);
  }

  [Symbol.dispose](): void {
    // A process that was killed may have files there until it is gone.
    if (this.#isMounted) run("umount", ["--lazy", this.path]);
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Returns whether it could: a container's root may not. */
function mount(path: string): boolean {
  try {
    run("mount", ["-t", "tmpfs", "-o", `size=${ROOM_BYTES},mode=0755`, "tmpfs", path]);
    return true;
  } catch {
    return false;
  }
}
