// SPDX-License-Identifier: Apache-2.0
/**
 * Says how good the name of a frame is, where whoever made the frame does not say.
 *
 * @module
 */

import { type Frame, RANK, type Rank } from "./model.ts";

/**
 * Returns the rank of a frame's name as its text tells: none for `module+0xoffset` and for what is called as its
 * module is (`[jit]`), that of debug information where there is a line, else that of a symbol table.
 */
export function symbolRank(
  { function: name, module, line, address }: Pick<Frame, "function" | "module" | "line" | "address">,
): Rank {
  if (name === module || name.endsWith(`+0x${address.toString(16)}`) || isOffsetName(name, module)) {
    return RANK.none;
  }
  return line > 0 ? RANK.debug : RANK.symbols;
}

const OFFSET = /^\+0x[0-9a-f]+$/;

/** Tells whether a name is the module's, and an offset in it. */
function isOffsetName(name: string, module: string): boolean {
  const last = module.slice(module.lastIndexOf("/") + 1);
  return last !== "" && name.startsWith(last) && OFFSET.test(name.slice(last.length));
}
