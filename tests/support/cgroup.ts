// SPDX-License-Identifier: Apache-2.0
/**
 * Cgroups that tests put processes into.
 *
 * @module
 */

/** A cgroup of its own; disposing moves who is in it out again. */
export class TempCgroup implements Disposable {
  readonly #root: string;
  readonly #folders: string[];

  private constructor(root: string, folders: string[]) {
    this.#root = root;
    this.#folders = folders;
  }

  /**
   * Makes `path` below a folder that no other test has; that folder alone where `path` is "".
   *
   * @param root is where a hierarchy is mounted @default {the first one that sets no limits by itself}
   */
  static create(path: string, root = hierarchy()): TempCgroup {
    const folders: string[] = [];
    let folder = root;
    const names = path === "" ? [] : path.split("/");
    for (const name of [`aperture-test-${crypto.randomUUID()}`, ...names]) {
      folders.push(folder = `${folder}/${name}`);
      Deno.mkdirSync(folder);
    }
    return new TempCgroup(root, folders);
  }

  /** Moves a process into it. */
  enter(pid: number): void {
    this.set("cgroup.procs", pid);
  }

  /** Writes one of its files. */
  set(file: string, value: number): void {
    Deno.writeTextFileSync(`${this.#folders.at(-1)}/${file}`, String(value));
  }

  [Symbol.dispose](): void {
    const pids = Deno.readTextFileSync(`${this.#folders.at(-1)}/cgroup.procs`).split("\n").filter(Boolean);
    for (const pid of pids) {
      try {
        Deno.writeTextFileSync(`${this.#root}/cgroup.procs`, pid);
      } catch {
        // It has ended since.
      }
    }
    try {
      for (const folder of this.#folders.toReversed()) Deno.removeSync(folder);
    } catch {
      // A process that was killed is in it until it is gone; an empty folder in a file system in memory harms nobody.
    }
  }
}

function hierarchy(): string {
  // `/dev/… /sys/fs/cgroup cgroup2 rw,…`; of version 1, the hierarchy of pids sets no limits by itself.
  const mounts = Deno.readTextFileSync("/proc/mounts").split("\n").map((line) => line.split(" "));
  const root = mounts.find(([, , type]) => type === "cgroup2")?.[1] ??
    mounts.find(([, target, type]) => type === "cgroup" && target?.endsWith("/pids"))?.[1];
  if (root === undefined) throw new Error("Cannot find a mounted cgroup hierarchy");
  return root;
}
