// SPDX-License-Identifier: Apache-2.0
/**
 * A CPython of another release of Debian than this machine's.
 *
 * @module
 */

import { debianProgram } from "./debian_program.ts";

const PYTHONS = new URL("../../.tools/pythons", import.meta.url).pathname;
/** What tests import needs these, beside the interpreter. */
const LIBRARIES = ["libc6", "libexpat1", "zlib1g", "libssl3t64", "libzstd1", "libffi8", "libgcc-s1"];

/**
 * Returns the path of a program that becomes Python `minor` of `suite`, such as 3.14 of forky. Its packages are fetched
 * once, 11 MB.
 *
 * @throws {Error} when they cannot be had
 */
export function debianPython(suite: string, minor: string): string {
  const own = [`python${minor}-minimal`, `libpython${minor}-minimal`, `libpython${minor}-stdlib`];
  const headers = `libpython${minor}-dev`;
  return debianProgram({
    suite,
    packages: [...own, headers, ...LIBRARIES],
    path: `usr/bin/python${minor}`,
    folder: `${PYTHONS}/${suite}`,
    environment: ["PYTHONHOME", "usr"],
  });
}
