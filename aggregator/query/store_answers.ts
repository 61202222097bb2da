// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what can be asked of agents, of files of code, and of storage itself.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";
import type { Answer } from "./asked.ts";

export interface StoredBatch {
  readonly agentId: string;
  /** The epoch is in Unix nanoseconds, as text: JSON numbers cannot hold it. */
  readonly epoch: string;
  readonly sequence: number;
  readonly node: string;
  /** The times are in Unix milliseconds. */
  readonly start: number;
  readonly end: number;
  readonly samples: Total;
  readonly losses: Readonly<Record<string, number>>;
  /** Says how walks along user stacks ended: `complete`, or why not. */
  readonly stackEnds: Readonly<Record<string, number>>;
}

/** Is an agent on one machine. */
export interface FleetAgent {
  readonly node: string;
  readonly agentId: string;
  readonly version: string;
  /** Is, in Unix milliseconds, the end of its last window, and when it was started last. */
  readonly lastEnd: number;
  readonly started: number;
  /** Counts how often it was started. */
  readonly runs: number;
  readonly batches: number;
  /** Holds nanoseconds by kind. */
  readonly values: Readonly<Record<string, number>>;
  readonly losses: Readonly<Record<string, number>>;
  readonly stackEnds: Readonly<Record<string, number>>;
  /** Is what the agent itself takes; `undefined` where it does not say. */
  readonly usage: FleetAgentUsage | undefined;
}

export interface FleetAgentUsage {
  /** Is how many processors its processes kept busy, on average of the range. */
  readonly cores: number;
  /** Is what they had in RAM at the end of the last window. */
  readonly memoryBytes: number;
}

export interface FleetAnswer extends Answer {
  readonly agents: readonly FleetAgent[];
}

export interface LossesAnswer extends Answer {
  readonly losses: Readonly<Record<string, number>>;
  readonly stackEnds: Readonly<Record<string, number>>;
  readonly batches: number;
  readonly agents: number;
}

/** Is a file, and what of the selection goes through it. */
export interface CoverageFile {
  readonly module: string;
  readonly buildId: string;
  /** A debug file of that build id would name it. */
  readonly nameable: boolean;
  readonly total: Total;
  /** Sums the stacks that have code of it without a name. */
  readonly unnamed: Total;
  /** Sums the stacks that have code of it without debug information. */
  readonly withoutLines: Total;
}

/** Says of each step how many agents sent windows that began in it, what they counted, and what they lost. */
export interface WindowsAnswer extends Answer {
  /** Says, in Unix milliseconds, when the first step begins. */
  readonly from: number;
  /** The step is in seconds. */
  readonly step: number;
  readonly agents: readonly number[];
  readonly counted: readonly number[];
  readonly lost: readonly number[];
}

/** Is one of several builds of a file. */
export interface Build {
  readonly module: string;
  readonly buildId: string;
  /** The times of its first and its last sample are in Unix milliseconds. */
  readonly first: number;
  readonly last: number;
}

export interface BuildsAnswer extends Answer {
  readonly builds: readonly Build[];
}

export interface CoverageAnswer extends Answer {
  /** Those that hide most come first. */
  readonly files: readonly CoverageFile[];
}

export interface StoreTable {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly parts: number;
  readonly partitions: number;
  /** Are when the first and the last bucket of time begin, in Unix milliseconds; `undefined` for what has no time. */
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
}

export interface StoreAnswer extends Answer {
  readonly tables: readonly StoreTable[];
  /** Counts bytes of the server's disks. */
  readonly disk: { readonly free: number; readonly total: number };
}
