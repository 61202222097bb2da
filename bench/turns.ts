// SPDX-License-Identifier: Apache-2.0
/**
 * Programs that work in turns and say how fast they were, like `tests/programs/futex_ping_pong.c`.
 *
 * @module
 */

import { UserError } from "../common/main.ts";

/** Each watcher has so many turns unless told otherwise, in rotation, so that all have the same neighbours. */
const TURNS = 5;

/**
 * Returns how many turns the option of a part asks for, as in `deno task bench lock=1`.
 *
 * @throws {UserError} when that is no number of turns
 */
export function turnsOf(option: string | undefined): number {
  if (option === undefined) return TURNS;
  const turns = Number(option);
  if (Number.isInteger(turns) && turns > 0) return turns;
  throw new UserError(`Cannot measure in '${option}' turns: it is not a number above 0`);
}

/** Has something watch while `turn` runs, and returns what that returned. */
export type Watcher = (turn: () => Promise<number>) => Promise<number>;

/**
 * Returns the median rate of the program under each of `watchers`. It runs before all others, so that these take no time
 * from it but by what they do in its calls; it stands still between its turns, as watchers need time to start.
 */
export async function ratesUnder<Name extends string>(
  command: readonly string[],
  watchers: Readonly<Record<Name, Watcher>>,
  turns: number,
): Promise<Record<Name, number>> {
  const child = new Deno.Command("chrt", { args: ["-f", "1", ...command], stdin: "piped", stdout: "piped" })
    .spawn();
  const input = child.stdin.getWriter();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await output.read();
  child.kill("SIGSTOP");
  const turn = async () => {
    child.kill("SIGCONT");
    await input.write(new TextEncoder().encode("\n"));
    const rate = Number((await output.read()).value);
    child.kill("SIGSTOP");
    return rate;
  };
  const names = Object.keys(watchers) as Name[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let i = 0; i < turns; i++) {
    for (const name of names) rates[name].push(await watchers[name](turn));
  }
  child.kill("SIGCONT");
  await input.close();
  await output.cancel();
  await child.status;
  return Object.fromEntries(
    names.map((name) => [name, rates[name].toSorted((a, b) => a - b)[turns >> 1]!]),
  ) as Record<Name, number>;
}
