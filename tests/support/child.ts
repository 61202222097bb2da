/**
 * The programs of `tests/programs`, and commands that tests run to their end.
 *
 * @module
 */

import { FRAME_POINTERS } from "../../tasks/compile.ts";
import { compileTo } from "./compiled.ts";

/** Compiles `tests/programs/NAME.c` into `folder` and returns the program's path. */
export async function compileProgram(
  name: string,
  folder: string,
  flags: readonly string[] = FRAME_POINTERS,
): Promise<string> {
  const source = new URL(`../programs/${name}.c`, import.meta.url).pathname;
  const target = `${folder}/${name}`;
  const args = (path: string) => [...flags, source, "-o", path];
  await compileTo(target, { compiler: "clang", args, sources: [source] });
  return target;
}

/** Holds what a program printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `program` to its end. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: Deno.CommandOptions = {},
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    ...options,
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}
