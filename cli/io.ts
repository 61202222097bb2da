// SPDX-License-Identifier: Apache-2.0
/**
 * Says where a command reads and writes, so that it runs the same in a terminal, in a pipe and in a test.
 *
 * @module
 */

import { print } from "../common/main.ts";

/** Takes bytes, as `Deno.stdout` does. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** Is the surroundings of one command. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Data go here. */
  readonly stdout: Sink;
  /** What is said about them goes here. */
  readonly stderr: Sink;
  /** Tells whether a person looks at standard output. */
  readonly terminal: boolean;
  /** Returns the terminal's columns at this moment; Infinity where there is none. */
  readonly width: () => number;
  readonly colors: boolean;
  /** Returns Unix milliseconds. */
  readonly now: () => number;
  /** Aborts when the user wants an end. */
  readonly signal: AbortSignal;
}

/** Writes data. */
export async function write(io: Io, data: string | Uint8Array): Promise<void> {
  if (typeof data === "string") return await print(io.stdout, data);
  for (let rest = data; rest.length > 0;) rest = rest.subarray(await io.stdout.write(rest));
}

/** Writes a line for people; none with `quiet`. */
export async function say(
  io: Io,
  line: string,
  { quiet = false }: { quiet?: boolean | undefined } = {},
): Promise<void> {
  if (!quiet && line !== "") await print(io.stderr, `${line}\n`);
}
