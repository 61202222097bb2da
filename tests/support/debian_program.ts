// SPDX-License-Identifier: Apache-2.0
/**
 * Programs of another release of Debian than this machine's, with the C library and what else they need beside them, so
 * that they run here.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { suiteOptions } from "./debian_suite.ts";
import { run } from "./programs.ts";

/** Debian's x86-64 has its libraries here. */
const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const LOADER = "usr/lib64/ld-linux-x86-64.so.2";

export interface DebianProgramOptions {
  readonly suite: string;
  /** They have the program and all libraries that it needs. */
  readonly packages: readonly string[];
  /** Its path in the packages. */
  readonly path: string;
  /** The packages stay in this folder. */
  readonly folder: string;
  /** Is set for the program to where the packages are, and what follows. @default {none} */
  readonly environment?: readonly [name: string, below: string];
}

/**
 * Returns the path of a script that becomes the program, by the name of that. Its packages are fetched once.
 *
 * @throws {Error} when they cannot be had
 */
export function debianProgram(
  { suite, packages, path, folder, environment }: DebianProgramOptions,
): string {
  const program = `${folder}/${path.slice(path.lastIndexOf("/") + 1)}`;
  Deno.mkdirSync(`${folder}/packages`, { recursive: true });
  // Another process of the same run may be at it.
  using lock = Deno.openSync(`${folder}/lock`, { create: true, write: true });
  lock.lockSync(true);
  if (existsSync(program)) return program;
  run("apt-get", [...suiteOptions(suite), "-q", "download", ...packages], { cwd: `${folder}/packages` });
  const root = `${folder}/root`;
  for (const { name } of Deno.readDirSync(`${folder}/packages`)) {
    if (name.endsWith(".deb")) run("dpkg-deb", ["-x", `${folder}/packages/${name}`, root]);
  }
  Deno.removeSync(`${folder}/packages`, { recursive: true });
  if (!existsSync(`${root}/${path}`)) throw new Error(`Cannot find ${path} in ${packages} of ${suite}`);
  const variable = environment ? `${environment[0]}=${root}/${environment[1]} ` : "";
  // The loader of that release, by name, as this machine's has another C library.
  const command = `exec ${root}/${LOADER} --library-path ${root}/${LIBRARIES} ${root}/${path}`;
  Deno.writeTextFileSync(`${program}.new`, `#!/bin/sh\n${variable}${command} "$@"\n`, { mode: 0o755 });
  Deno.renameSync(`${program}.new`, program);
  return program;
}
