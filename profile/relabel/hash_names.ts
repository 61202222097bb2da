// SPDX-License-Identifier: Apache-2.0
/**
 * Replaces the names of functions by hashes, for those whose names must not leave the machine.
 *
 * @module
 */

import { createHash, createHmac } from "node:crypto";
import { type Frame, JIT_MODULE, PYTHON_MODULE, RANK, UNKNOWN_MODULE } from "../model.ts";

/** So many hexadecimal digits of a hash tell functions apart: 64 bits. */
const DIGITS = 16;

/** Code in these is of the user, although they are no files. */
const USER_MODULES = new Set([JIT_MODULE, PYTHON_MODULE, UNKNOWN_MODULE]);

/**
 * Returns `frame` with a hash for its function's name, and without its source file, line and the line at which it
 * begins. Functions of the kernel and system calls are public, and what stands in brackets is said by the agent: these
 * stay. The module and the address stay, too: with the program at hand its owner finds the function.
 */
export function hashFrame(frame: Required<Frame>, key: string): Required<Frame> {
  const { function: name, module } = frame;
  const isPublic = /^\[[^\]]*\]$/.test(module) && !USER_MODULES.has(module) && !module.startsWith("[jit");
  if (isPublic || name.startsWith("[")) return frame;
  return { ...frame, function: hashName(name, key), file: "", line: 0, startLine: 0, rank: RANK.none };
}

/** Returns `fn_` and 16 hexadecimal digits, the same for the same name and key. */
export function hashName(name: string, key: string): string {
  const hash = key === "" ? createHash("sha256") : createHmac("sha256", key);
  return `fn_${hash.update(name).digest("hex").slice(0, DIGITS)}`;
}
