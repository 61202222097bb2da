// SPDX-License-Identifier: Apache-2.0
/**
 * A program that tells where one of its functions is.
 *
 * @module
 */

import type { Symboliser } from "../../agent/symbols/symboliser.ts";
import type { Frame } from "../../profile/model.ts";
import { run, type RunningProgram, type TempFolder } from "./programs.ts";

/** Prints the address of `spin_leaf`, then waits to be killed. */
export const SPIN = `
#include <stdio.h>
#include <unistd.h>
static int __attribute__((noinline)) spin_leaf(int n) { return n * 3 + getpid(); }
int __attribute__((noinline)) spin_root(int n) { return spin_leaf(n) + 1; }
int main(int argc, char **argv) {
  printf("%p\\n", (void *)spin_leaf);
  fflush(stdout);
  for (;;) { spin_root(argc); pause(); }
}
`;

/** Compiles `source` into `folder`, and returns the program's path. */
export function compile(
  folder: TempFolder,
  source: string,
  flags: readonly string[] = [],
  compiler = "gcc",
): string {
  const program = `${folder.path}/program`;
  run(compiler, [
    "-O1",
    "-o",
    program,
    folder.write(compiler === "gcc" ? "in.c" : "in.cc", source),
    ...flags,
  ]);
  return program;
}

/** Names what is `offset` bytes behind the address that the program told. */
export function frameAt(symboliser: Symboliser, program: RunningProgram, offset = 0): Frame {
  const address = parseInt(program.firstLine, 16) + offset;
  return symboliser.stack({ pid: program.pid, user: [address], kernel: [] })[0]!;
}
