// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the names that Erlang's BeamAsm gives functions in a perf map (`erl +JPperf map`).
 *
 * @module
 */

/**
 * `$` module `:` function `/` arity, or `$global::` and the name of a shared part. What stands before a function's code is
 * not run: an address there is one byte before where the bottom of a process's stack returns to, the function's begin.
 */
const NAME = /^\$([^:]+:.+?)(?:-CodeInfoPrologue)?$/s;

/** Returns the name of a function of Erlang; `undefined` when it is none. */
export function erlangName(name: string): string | undefined {
  return NAME.exec(name)?.[1];
}
