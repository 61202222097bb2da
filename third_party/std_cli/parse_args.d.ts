// SPDX-License-Identifier: Apache-2.0
/** The part of `@std/cli/parse-args` that Aperture uses. */
export interface ParseOptions {
  /** Names that take no value. */
  boolean?: readonly string[];
  /** Names that always take a value, kept as a string. */
  string?: readonly string[];
  /** Names that may be given several times; each value is kept. */
  collect?: readonly string[];
  /** Other names for a flag. */
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Called with each argument that no option defines; `false` leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Holds what was found: flags by name, and the arguments that are not flags in `_`. */
export interface Args {
  _: (string | number)[];
  [flag: string]: unknown;
}

export function parseArgs(args: readonly string[], options?: ParseOptions): Args;
