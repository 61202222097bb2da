// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps temporary files of tests in memory: engines make and remove many small ones all the time, which a disk need
 * not have.
 *
 * @module
 */

import { dirname } from "node:path";
import { run } from "./programs.ts";

const PREFIX = "aperture-tests-";
/** Its owner has the lock of this file in the folder as long as it lives, however it ends. */
const LOCK = "owner";
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
  readonly path = Deno.makeTempDirSync({ prefix: PREFIX });
  readonly #isMounted: boolean;
  readonly #lock: Deno.FsFile;

  /** Makes one, and removes those beside it whose owner was killed. */
  constructor() {
    removeAbandoned(dirname(this.path));
    this.#isMounted = Deno.uid() === 0 && Deno.systemMemoryInfo().available >= SPARE_BYTES &&
      mount(this.path);
    // It has the name once it is locked, so that nobody takes the folder for abandoned before.
    const path = `${this.path}/new`;
    this.#lock = Deno.openSync(path, { createNew: true, write: true });
    this.#lock.lockSync(true);
    Deno.renameSync(path, `${this.path}/${LOCK}`);
  }

  [Symbol.dispose](): void {
    // A process that was killed may have files there until it is gone.
    if (this.#isMounted) run("umount", ["--lazy", this.path]);
    Deno.removeSync(this.path, { recursive: true });
    this.#lock.close();
  }
}

/** Removes the folders in `parent` whose owner has gone without that. */
function removeAbandoned(parent: string): void {
  for (const { name } of Deno.readDirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = `${parent}/${name}`;
    try {
      using lock = Deno.openSync(`${path}/${LOCK}`, { write: true });
      if (!lock.tryLockSync(true)) continue;
      if (isMounted(path)) run("umount", ["--lazy", path]);
      Deno.removeSync(path, { recursive: true });
    } catch (error) {
      // It is about to begin or to go, or is somebody else's.
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
        throw error;
      }
    }
  }
}

function isMounted(path: string): boolean {
  return Deno.readTextFileSync("/proc/mounts").split("\n").some((line) => line.split(" ")[1] === path);
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
