// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what a subcommand is.
 *
 * @module
 */

import {
  defineSettings,
  readArguments,
  type Settings,
  toggle,
  UsageError,
  type Values,
} from "../common/settings.ts";
import type { Io } from "./io.ts";

/** Lists the headings of the help, in their order. */
export const GROUPS = [
  "Ask an aggregator",
  "On this machine",
  "For scripts and assistants",
  "Programs",
] as const;
export type Group = (typeof GROUPS)[number];

/** Ends a command: 0 ok, 1 failed, 2 usage, 3 condition met, 4 no data. */
export const STATUS = { ok: 0, failed: 1, usage: 2, met: 3, noData: 4 } as const;

/** Is one line to try, and what it does. */
export interface Example {
  readonly line: string;
  readonly does: string;
}

export interface Command {
  readonly name: string;
  readonly group: Group;
  /** Says what it does in one line. */
  readonly summary: string;
  /** Completes `aperture NAME …`. */
  readonly usage: string;
  /** Says more, in paragraphs of the help. @default {""} */
  readonly about?: string;
  readonly settings: Settings;
  readonly examples: readonly Example[];
  /** Are words that can stand first behind the name, for completion. @default {[]} */
  readonly words?: readonly string[];
  /** The arguments are another program's: neither read nor explained here. @default {false} */
  readonly passes?: boolean;
  /** Runs it with the arguments behind its name, and returns the exit status. */
  readonly run: (args: readonly string[], io: Io) => Promise<number>;
}

/** Lists what each command has, beside its own. */
export const HELP_SETTINGS = defineSettings({
  help: { flag: "help", alias: "h", placeholder: "", help: "Show this text", schema: toggle() },
});

export interface Given<S extends Settings> {
  readonly values: Values<S>;
  /** Are the arguments that are no flags. */
  readonly rest: readonly string[];
  readonly io: Io;
}

/**
 * Makes a command of its parts.
 *
 * @param definition.run gets the flags that were read
 */
export function defineCommand<const S extends Settings>(
  { settings, run, ...command }: Omit<Command, "run" | "settings"> & {
    readonly settings: S;
    readonly run: (given: Given<S>) => Promise<number>;
  },
): Command {
  return {
    ...command,
    settings: { ...settings, ...HELP_SETTINGS },
    run: (args, io) => {
      const { values, rest } = readArguments(settings, args, io.env);
      return run({ values, rest, io });
    },
  };
}

/** Refuses arguments that a command has no use for. @throws {UsageError} */
export function refuseRest(rest: readonly string[], max = 0): void {
  if (rest.length > max) throw new UsageError(`Unknown argument '${rest[max]}': see --help`);
}
