// SPDX-License-Identifier: Apache-2.0
/**
 * Is what the process that reads a debug file says: blocks of rows, then what they were, or why there are none.
 *
 * @module
 */

import type { Rank } from "../../profile/model.ts";

/** Kinds of messages. */
export const MESSAGE = { block: 1, done: 2, refused: 3 } as const;

/** Is the last message where all went well. */
export interface DebugFileFacts {
  /** Is lower-case hex. */
  readonly buildId: string;
  /** Is the rank of the best names in the file. */
  readonly rank: Rank;
  readonly ranges: number;
}

/** Is the last message where there is nothing to be had of the file. */
export interface DebugFileRefusal {
  /** `file`: it is of no use; `reader`: libdw is missing. */
  readonly because: "file" | "reader";
  readonly message: string;
}
