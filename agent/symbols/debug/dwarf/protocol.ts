// SPDX-License-Identifier: Apache-2.0
/**
 * The questions to the process that reads debug information, and its answers.
 *
 * @module
 */

import type { SourceFrame } from "../../../../symbols/libdw/dwarf.ts";

/** A file to be read. */
export interface DebugFile {
  readonly path: string;
  /** `RegularFile` said this of the file when it was chosen: another one of that name is not taken. */
  readonly identity: string;
}

/** A file where debug information can be read now: the program or library itself, or its separate debug file. */
export interface DebugInfoPlace extends DebugFile {
  /** The file that holds what is common to several (dwz), where it is at hand. */
  readonly common?: DebugFile;
  /** An address of the module, less this, is one of this file. */
  readonly bias: number;
}

export interface Request {
  readonly id: number;
  /** Names the debug information, for as long as that process lives. */
  readonly key: string;
  readonly place: DebugInfoPlace;
  readonly addresses: readonly number[];
}

/** Says why a file's debug information is not used, which stays so. */
export type Refusal = "unreadable" | "too large";

export interface Answer {
  readonly id: number;
  /** They are in the order of the addresses, each innermost first; none for an address that is not covered. */
  readonly frames: readonly (readonly SourceFrame[])[];
  readonly refused: Refusal | undefined;
  readonly stats: ReaderStats;
}

/** The process holds this now. */
export interface ReaderStats {
  readonly files: number;
  readonly bytes: number;
}
