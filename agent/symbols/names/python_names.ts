// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the names that CPython gives its functions in a perf map (`-X perf`, PYTHONPERFSUPPORT, from 3.12 on).
 *
 * It calls each function through a trampoline of its own, so that the function shows in stacks; its code is still the
 * interpreter's loop, which the trampoline calls.
 *
 * @module
 */

import type { Frame } from "../../../profile/model.ts";
import type { ScriptFunction } from "./v8_names.ts";

/** `py::` qualified name `:` file (Objects/perf_trampoline.c); a name holds no colon but in a lambda's or a file's. */
const NAME = /^py::([^:]+):(.+)$/s;

/** Takes a name of CPython's apart; `undefined` when it is none. The line is not in it: it is 0. */
export function parsePythonName(name: string): ScriptFunction | undefined {
  const [, text, file] = NAME.exec(name) ?? [];
  return text === undefined || file === undefined ? undefined : { function: text, file, line: 0 };
}

/** Tells whether a native frame is that of a trampoline: a function of a script's without a line. */
export function isTrampoline({ module, file, line }: Frame): boolean {
  return line === 0 && file !== "" && module === file;
}
