// SPDX-License-Identifier: Apache-2.0
/**
 * A CPython of another release of Debian than this machine's, with the C library and what else it needs beside it, so
 * that it runs here.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { suiteOptions } from "./debian_suite.ts";
import { run } from "./programs.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** What tests import needs these, beside the interpreter. */
const LIBRARIES = ["libc6", "libexpat1", "zlib1g", "libssl3t64", "libzstd1", "libffi8", "libgcc-s1"];
/** Where Debian's x86-64 has its libraries. */
const FOLDER = "usr/lib/x86_64-linux-gnu";

/**
 * Returns the path of a program that becomes Python `minor` of `suite`, such as 3.14 of forky. Its packages are fetched
 * once, 11 MB.
 *
 * @throws {Error} when they cannot be had
 */
export function debianPython(suite: string, minor: string): string {
  const folder = `${ROOT}.tools/pythons/${suite}`;
  const program = `${folder}/python${minor}`;
  Deno.mkdirSync(`${folder}/packages`, { recursive: true });
  // Another process of the same run may be at it.
  using lock = Deno.openSync(`${folder}/lock`, { create: true, write: true });
  lock.lockSync(true);
  if (existsSync(program)) return program;
  const own = [`python${minor}-minimal`, `libpython${minor}-minimal`, `libpython${minor}-stdlib`];
  const headers = `libpython${minor}-dev`;
  run("apt-get", [...suiteOptions(suite), "-q", "download", ...own, headers, ...LIBRARIES], {
    cwd: `${folder}/packages`,
  });
  const root = `${folder}/root`;
  for (const { name } of Deno.readDirSync(`${folder}/packages`)) {
    if (name.endsWith(".deb")) run("dpkg-deb", ["-x", `${folder}/packages/${name}`, root]);
  }
  Deno.removeSync(`${folder}/packages`, { recursive: true });
  // The loader of that release, by name, as this machine's has another C library.
  const command = `exec ${root}/usr/lib64/ld-linux-x86-64.so.2 --library-path ${root}/${FOLDER}`;
  const text = `#!/bin/sh\nPYTHONHOME=${root}/usr ${command} ${root}/usr/bin/python${minor} "$@"\n`;
  Deno.writeTextFileSync(`${program}.new`, text, { mode: 0o755 });
  Deno.renameSync(`${program}.new`, program);
  return program;
}
