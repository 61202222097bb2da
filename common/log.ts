// SPDX-License-Identifier: Apache-2.0
/**
 * Logging: one line an event on standard error, through logtape.
 *
 * @module
 */

import { configure, getConsoleSink, getTextFormatter, type Logger, type LogLevel } from "@logtape/logtape";
import { lasting } from "./words.ts";

export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const satisfies readonly LogLevel[];

/** Sends the logs of category `aperture` at `level` and above to standard error. Call once, from a main. */
export async function setupLog(level: (typeof LOG_LEVELS)[number]): Promise<void> {
  const formatter = getTextFormatter({
    timestamp: "rfc3339",
    level: "full",
    category: (category) => category.slice(1).join("."),
    value: (value, inspect) => typeof value === "string" ? value : inspect(value),
  });
  // Standard output is for data; getConsoleSink would use it for "info" and "debug".
  const levels = {
    trace: "error",
    debug: "error",
    info: "error",
    warning: "error",
    error: "error",
    fatal: "error",
  } as const;
  await configure({
    sinks: { stderr: getConsoleSink({ formatter, levelMap: levels }) },
    loggers: [
      { category: "aperture", lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

export interface BurstOptions {
  /** A burst is this long, in ms. @default {60000} */
  window?: number;
  /** Logs those at level debug that follow in a burst. @default {false} */
  verbose?: boolean;
  /** Returns the time in ms. @default {performance.now} */
  clock?: () => number;
}

/** So many keys are remembered: some name an address, which anybody may have many of. */
const MAX_KEYS = 4096;

/**
 * Logs a repeated event as a warning once a burst: the first at once, and how many followed with the first after the
 * burst.
 * Counting is the caller's matter; this only keeps the log readable.
 */
export class Burst {
  readonly #logger: Logger;
  readonly #window: number;
  readonly #verbose: boolean;
  readonly #clock: () => number;
  readonly #last = new Map<string, { at: number; hidden: number }>();

  constructor(
    logger: Logger,
    { window = 60_000, verbose = false, clock = () => performance.now() }: BurstOptions = {},
  ) {
    this.#logger = logger;
    this.#window = window;
    this.#verbose = verbose;
    this.#clock = clock;
  }

  /** Logs `message` as a warning unless the same `key` was logged within the window. */
  warn(key: string, message: string): void {
    const now = this.#clock();
    const last = this.#last.get(key);
    if (last && now - last.at < this.#window) {
      last.hidden++;
      if (this.#verbose) this.#logger.debug("{message}", { message });
      return;
    }
    const more = last?.hidden ? ` (and ${last.hidden} more in the ${lasting(now - last.at)} before)` : "";
    this.#last.delete(key);
    const [oldest] = this.#last.keys();
    if (this.#last.size >= MAX_KEYS) this.#last.delete(oldest!);
    this.#last.set(key, { at: now, hidden: 0 });
    this.#logger.warn("{message}", { message: message + more });
  }

  /** Ends the burst of `key`: the next event is logged at once. */
  clear(key: string): void {
    this.#last.delete(key);
  }
}
