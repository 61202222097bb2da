// SPDX-License-Identifier: Apache-2.0
/**
 * Programs that tests compile: each once, as long as its source, its flags and its compiler are the same.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { FRAME_POINTERS } from "../../tasks/compile.ts";
import { cached } from "./cache.ts";
import { runProgram } from "./child.ts";

export interface CompiledOptions {
  readonly compiler: string;
  /** Its arguments for an output at `path`. */
  readonly args: (path: string) => readonly string[];
  /** Paths of all files that it reads, but for the system's headers and libraries. */
  readonly sources: readonly string[];
  /** `args` are relative to this folder. @default {that of the tests} */
  readonly cwd?: string;
  /** They are added to the environment. @default {{}} */
  readonly env?: Readonly<Record<string, string>>;
}

/** Compiles `tests/programs/NAME.c` into `folder` and returns the program's path. */
export async function compileProgram(
  name: string,
  folder: string,
  flags: readonly string[] = FRAME_POINTERS,
): Promise<string> {
  const source = new URL(`../programs/${name}.c`, import.meta.url).pathname;
  const target = `${folder}/${name}`;
  const args = (path: string) => [...flags, source, "-o", path];
  await compileTo(target, { compiler: "clang", args, sources: await sourcesOf(source) });
  return target;
}

/** Returns the path of a file of C and those of the headers of ours that it includes, and that these do. */
export async function sourcesOf(path: string): Promise<string[]> {
  const included = (await Deno.readTextFile(path)).matchAll(/^#include "(.+)"$/gm);
  // Others are the system's.
  const headers = [...included].map(([, name]) => join(dirname(path), name!)).filter((path) =>
    existsSync(path)
  );
  return [path, ...(await Promise.all(headers.map(sourcesOf))).flat()];
}

/** Copies what `compiler` makes to `target`. @throws {Error} with the compiler's words */
export async function compileTo(target: string, options: CompiledOptions): Promise<void> {
  const { compiler, args, cwd = ".", env = {} } = options;
  const made = await cached("programs", await keyOf(options), async (path) => {
    const { code, stderr } = await runProgram(compiler, args(path), { cwd, env: { ...env } });
    if (code !== 0) throw new Error(`Cannot compile: ${stderr}`);
  });
  await Deno.copyFile(made, target);
}

async function keyOf({ compiler, args, sources }: CompiledOptions): Promise<string> {
  const hash = createHash("sha256");
  const { size, mtime } = await Deno.stat(pathOf(compiler));
  hash.update(JSON.stringify([compiler, size, mtime?.getTime(), args("output")]));
  for (const source of sources) {
    const bytes = await Deno.readFile(source);
    hash.update(` ${bytes.length} `).update(bytes);
  }
  return hash.digest("hex");
}

function pathOf(program: string): string {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const path = folders.map((folder) => `${folder}/${program}`).find((path) => existsSync(path));
  if (path === undefined) throw new Error(`Cannot compile: there is no ${program} on PATH`);
  return path;
}
