// SPDX-License-Identifier: Apache-2.0
/**
 * Other programs, run to their end.
 *
 * @module
 */

const decoder = new TextDecoder();

/**
 * Returns what `program` writes to its standard output, trimmed.
 *
 * @throws {Error} with what it wrote to its standard error, when it fails
 */
export async function output(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) {
    throw new Error(
      `Cannot run ${program} ${args.slice(0, 4).join(" ")} …: ${decoder.decode(stderr).trim()}`,
    );
  }
  return decoder.decode(stdout).trim();
}

/**
 * Runs `program`, whose words go to `log`, which is kept for whoever looks why it failed.
 *
 * @throws {Error} with the end of the log, when it fails
 */
export async function logged(program: string, args: readonly string[], log: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const text = decoder.decode(stdout) + decoder.decode(stderr);
  await Deno.writeTextFile(log, text);
  if (!success) throw new Error(`Cannot run ${program} (all in ${log}):\n${text.slice(-2000)}`);
}
