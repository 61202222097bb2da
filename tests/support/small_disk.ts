// SPDX-License-Identifier: Apache-2.0
/**
 * A disk that is soon full, for tests with root.
 *
 * @module
 */

import { run, TempFolder } from "./programs.ts";

/** Is a folder on a disk of its own. */
export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Takes all room that is left. */
  fill(): Promise<void>;
  /** Gives that room back. */
  clear(): Promise<void>;
}

/** Makes a disk of `size`, as `mount -o size=` takes it. */
export function smallDisk(size: string): SmallDisk {
  const folder = new TempFolder();
  run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder.path]);
  const filler = `${folder.path}/filler`;
  return {
    path: folder.path,
    async fill() {
      using file = await Deno.open(filler, { create: true, append: true });
      // The last pieces are small, so that nothing is left.
      for (let piece = 1 << 20; piece >= 4096;) {
        if (await file.write(new Uint8Array(piece)).catch(() => 0) < piece) piece >>= 1;
      }
    },
    clear: () => Deno.remove(filler),
    [Symbol.dispose]: () => {
      // Lazily, so that a test that fails with a file open says why.
      run("umount", ["--lazy", folder.path]);
      folder[Symbol.dispose]();
    },
  };
}
