// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the agent within its budget: after each window it gives back what is free, and where that is not enough, what
 * costs least to do without.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import { readSmallText } from "../libbpf/mod.ts";

/** Names what can be done without, in the order in which it is. */
export const SHEDDING = ["debug_info", "symbol_tables", "frames"] as const;
export type Shed = typeof SHEDDING[number];

export interface KeeperOptions {
  readonly bytes: number;
  /** Returns what the agent and the processes that it started have in RAM, in bytes. */
  readonly resident: () => number;
  /** Gives the system what is free. */
  readonly giveBack: () => void;
  /** Gives up what can be had again. */
  readonly shed: (what: Shed) => void;
  /** Returns the time in ms. @default {performance.now} */
  readonly clock?: () => number;
}

/** Before work that takes much for a while no more than this part of all is held, where that can be. */
const EASE_SHARE = 0.75;

/**
 * To give back takes some ms, most of them until what runs again is there again: windows of a second do not each do it,
 * as long as there is room; and once a minute is enough where there is much.
 */
const PAUSE_MS = 5000;
const ROOMY_PAUSE_MS = 60_000;

/** Looks once a window, and before its work. */
export class MemoryKeeper {
  readonly #options: KeeperOptions;
  readonly #burst = new Burst(getLogger(["aperture", "agent"]));
  readonly #counts: Record<Shed, number> = { debug_info: 0, symbol_tables: 0, frames: 0 };
  /** Says how much of {@linkcode SHEDDING} goes where the last window was over the budget, too. */
  #step = 0;
  /** What is free was given back at these times, before a window was named and when it was handed on. */
  readonly #gaveBackAt = { ease: -Infinity, end: -Infinity };

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Returns how often what was given up. */
  get stats(): Readonly<Record<Shed, number>> {
    return { ...this.#counts };
  }

  /** Call before a window is named, which takes tens of megabytes for a while: what is free makes room for that. */
  ease(): void {
    const { bytes, resident } = this.#options;
    const held = resident();
    if (held > EASE_SHARE * bytes) this.#giveBack("ease", held);
  }

  /** Call when a window is handed on. */
  endWindow(): void {
    const { bytes, resident, shed } = this.#options;
    const before = resident();
    const held = this.#giveBack("end", before) ? resident() : before;
    if (held <= bytes) {
      this.#step = 0;
      return;
    }
    const what = SHEDDING[this.#step]!;
    this.#step = (this.#step + 1) % SHEDDING.length;
    this.#counts[what]++;
    shed(what);
    const [now, most] = [held, bytes].map((bytes) => `${Math.round(bytes / 2 ** 20)} MiB`);
    this.#burst.warn(
      "over",
      `The agent holds ${now} of ${most}, and gives up what it can read again: raise --memory (APERTURE_MEMORY)`,
    );
  }

  /** Gives back where it is time to, with so many bytes `held`, and tells whether it was. */
  #giveBack(when: "ease" | "end", held: number): boolean {
    const { bytes, giveBack, clock = () => performance.now() } = this.#options;
    const now = clock();
    const since = now - this.#gaveBackAt[when];
    if (held <= bytes && since < (held > EASE_SHARE * bytes ? PAUSE_MS : ROOMY_PAUSE_MS)) return false;
    giveBack();
    this.#gaveBackAt[when] = now;
    return true;
  }
}

/**
 * Returns what processes of one program have in RAM, in bytes; those that are gone have nothing. Pages of files, of which
 * all have the same, count once.
 */
export function residentBytes(pids: readonly number[], procRoot = "/proc"): number {
  let [own, files] = [0, 0];
  for (const pid of pids) {
    // One that has ended has none.
    const status = readSmallText(`${procRoot}/${pid}/status`) ?? "";
    const [, anonymous = 0, ofFiles = 0, shared = 0] = RESIDENT.exec(status) ?? [];
    own += 1024 * (Number(anonymous) + Number(shared));
    files = Math.max(files, 1024 * Number(ofFiles));
  }
  return own + files;
}

/** The kernel writes the three one after another. */
const RESIDENT = /^RssAnon:\s+(\d+) kB\nRssFile:\s+(\d+) kB\nRssShmem:\s+(\d+) kB$/m;
