// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the command that arguments name, and runs it.
 *
 * @module
 */

import { closestWord } from "../common/closest.ts";
import { print, UserError, VERSION } from "../common/main.ts";
import { UsageError } from "../common/settings.ts";
import { mcp } from "./assist/mcp.ts";
import { type Command, STATUS } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { completion } from "./completion.ts";
import { helpOf, overview } from "./help.ts";
import { type Io, write } from "./io.ts";

const OF_OTHERS = [
  mcp((args, io) => runProgram(args, io, COMMANDS.filter(({ group }) => group === "Ask an aggregator"))),
];

/** All commands, with those that are about others. */
export const ALL: readonly Command[] = [...COMMANDS, ...OF_OTHERS, completion([...COMMANDS, ...OF_OTHERS])];

/**
 * Runs `aperture ARGS`.
 *
 * @returns the exit status; an error that the user can mend is said on standard error, with 1 or 2
 */
export async function runProgram(
  args: readonly string[],
  io: Io,
  commands: readonly Command[] = ALL,
): Promise<number> {
  try {
    return await dispatch(args, io, commands);
  } catch (error) {
    if (io.signal.aborted) return STATUS.failed;
    if (!(error instanceof UsageError) && !(error instanceof UserError)) throw error;
    await print(io.stderr, `aperture: ${error.message}\n`);
    return error instanceof UsageError ? STATUS.usage : STATUS.failed;
  }
}

async function dispatch(args: readonly string[], io: Io, commands: readonly Command[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h") {
    await write(io, overview(commands));
    return name === undefined ? STATUS.usage : STATUS.ok;
  }
  if (name === "--version" || name === "-V") {
    await write(io, `aperture ${VERSION}\n`);
    return STATUS.ok;
  }
  if (name === "help") {
    if (rest[0] === undefined) await write(io, overview(commands));
    else await write(io, helpOf(commandOf(rest[0], commands)));
    return STATUS.ok;
  }
  const command = commandOf(name, commands);
  const own = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
  if (!command.passes && own.some((arg) => arg === "--help" || arg === "-h")) {
    await write(io, helpOf(command));
    return STATUS.ok;
  }
  return await command.run(rest, io);
}

function commandOf(name: string, commands: readonly Command[]): Command {
  const command = commands.find((command) => command.name === name);
  if (command) return command;
  const what = name.startsWith("-") ? "flag" : "command";
  const meant = closestWord(name, commands.map(({ name }) => name));
  throw new UsageError(
    `Unknown ${what} '${name}': ${meant ? `did you mean '${meant}'? See --help` : "see --help"}`,
  );
}
