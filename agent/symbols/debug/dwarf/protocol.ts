/**
 * What the agent asks the process that reads debug information, and what that answers.
 *
 * @module
 */

import type { SourceFrame } from "../../libdw/dwarf.ts";

/** A file to be read. */
export interface DebugFile {
  readonly path: string;
  /** What `RegularFile` said of the file when it was chosen: another one of that name is not taken. */
  readonly identity: string;
}

/** Where debug information can be read now: the program or library itself, or its separate debug file. */
export interface DebugPlace extends DebugFile {
  /** The file that holds what is common to several (dwz), where it is at hand. */
  readonly common?: DebugFile;
  /** What to take from an address of the module to get one of this file. */
  readonly bias: number;
}

export interface Request {
  readonly id: number;
  /** Names the debug information, for as long as that process lives. */
  readonly key: string;
  readonly place: DebugPlace;
  readonly addresses: readonly number[];
}

/** Why a file's debug information is not used, which stays so. */
export type Refusal = "unreadable" | "too large";

export interface Answer {
  readonly id: number;
  /** In the order of the addresses, each innermost first; none for an address that is not covered. */
  readonly frames: readonly (readonly SourceFrame[])[];
  readonly refused: Refusal | undefined;
  readonly stats: ReaderStats;
}

/** What the process holds now. */
export interface ReaderStats {
  readonly files: number;
  readonly bytes: number;
}
