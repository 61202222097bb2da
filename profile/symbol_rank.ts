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
  if (name === module || name.endsWith(`+0x${address.toString(16)}`)) return RANK.none;
  return line > 0 ? RANK.debug : RANK.symbols;
}
