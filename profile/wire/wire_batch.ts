// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the batch as it stands on the wire, which the reader makes and the checks turn into a `Batch`.
 *
 * @module
 */

import type {
  ForeignColumns,
  FrameColumns,
  HoldColumns,
  LockColumns,
  SampleColumns,
  SeriesColumns,
  SlowCallColumns,
  SyscallColumns,
} from "../model.ts";

/** Is a batch as it stands on the wire: nothing is checked. */
export interface WireBatch {
  readonly agentId: string;
  readonly epoch: bigint;
  /** The number is rounded above 2^53, as are all that are uint64 on the wire. */
  readonly sequence: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly node: string;
  readonly agentVersion: string;
  readonly strings: readonly string[];
  readonly frames: FrameColumns;
  readonly stacks: { readonly depth: Uint32Array; readonly frame: Uint32Array };
  readonly series: SeriesColumns;
  /** A kind that does not fit into a byte is 255. */
  readonly samples: SampleColumns;
  readonly losses: { readonly reason: Uint32Array; readonly count: Float64Array };
  /** An outcome that does not fit into a byte is 255. */
  readonly locks: WireHistograms<LockColumns>;
  readonly holds: WireHistograms<HoldColumns>;
  readonly syscalls: WireSyscalls;
  readonly foreign: ForeignColumns;
  readonly slowCalls: SlowCallColumns;
  readonly stackEnds: { readonly end: Uint32Array; readonly count: Float64Array };
  /** Both are 0 where they are left out. */
  readonly agentCpuNs: number;
  readonly agentMemoryBytes: number;
}

/** Holds histograms as they stand on the wire: how many buckets each row has, not where they begin. */
export type WireHistograms<Columns> = Omit<Columns, "histogramOffset"> & { readonly buckets: Uint32Array };

/** Holds system calls as they stand on the wire, with how many errors each row has. */
export type WireSyscalls = Omit<WireHistograms<SyscallColumns>, "errorOffset"> & {
  readonly errors: Uint32Array;
};
