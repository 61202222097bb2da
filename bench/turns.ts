// SPDX-License-Identifier: Apache-2.0
/**
 * Programs that work in turns and say how fast they were, like `tests/programs/futex_ping_pong.c`.
 *
 * @module
 */

/** Each watcher has so many turns, in rotation, so that all have the same neighbours. */
const TURNS = 5;

/** Has something watch while `turn` runs, and returns what that returned. */
export type Watcher = (turn: () => Promise<number>) => Promise<number>;

/**
 * Returns the median rate of the program under each of `watchers`. It runs before all others, so that these take no time
 * from it but by what they do in its calls.
 */
export async function ratesUnder<Name extends string>(
  command: readonly string[],
  watchers: Readonly<Record<Name, Watcher>>,
): Promise<Record<Name, number>> {
  const child = new Deno.Command("chrt", { args: ["-f", "1", ...command], stdin: "piped", stdout: "piped" })
    .spawn();
  const input = child.stdin.getWriter();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await output.read();
  const turn = async () => {
    await input.write(new TextEncoder().encode("\n"));
    return Number((await output.read()).value);
  };
  const names = Object.keys(watchers) as Name[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let i = 0; i < TURNS; i++) {
    for (const name of names) rates[name].push(await watchers[name](turn));
  }
  await input.close();
  await output.cancel();
  await child.status;
  return Object.fromEntries(
    names.map((name) => [name, rates[name].toSorted((a, b) => a - b)[TURNS >> 1]!]),
  ) as Record<Name, number>;
}
