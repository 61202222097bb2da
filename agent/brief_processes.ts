// SPDX-License-Identifier: Apache-2.0
/**
 * Processes that begin and end within one window: a build has hundreds a second, and nobody asks for one of them.
 *
 * @module
 */

/** Knows those of one window, as far as was known when it was looked. */
export interface Brief {
  /** Returns whether `pid` began in the window and had ended by then. */
  has(pid: number): boolean;
}

/** Tells them by looking at which processes there are. */
export class BriefProcesses {
  readonly #list: () => ReadonlySet<number>;
  /** These were there when this window began. */
  #before: ReadonlySet<number>;

  /** @param list the ids of all processes that there are */
  constructor(list: () => ReadonlySet<number> = listProcesses) {
    this.#list = list;
    this.#before = list();
  }

  /** Returns those of this window until now. */
  look(): Brief {
    const before = this.#before;
    const now = this.#list();
    return { has: (pid) => !now.has(pid) && !before.has(pid) };
  }

  /** Returns those of this window, which ends now. */
  endWindow(): Brief {
    const before = this.#before;
    const now = this.#before = this.#list();
    return { has: (pid) => !now.has(pid) && !before.has(pid) };
  }
}

/** Returns the ids of the processes that `/proc` lists, zombies among them. */
export function listProcesses(procRoot = "/proc"): Set<number> {
  const pids = new Set<number>();
  for (const { name } of Deno.readDirSync(procRoot)) {
    const pid = Number(name);
    if (pid > 0) pids.add(pid);
  }
  return pids;
}
