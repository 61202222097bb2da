/**
 * The batch as it stands on the wire, which the reader makes and the checks turn into a `Batch`.
 *
 * @module
 */

import type { FrameColumns, LockColumns, SampleColumns, SeriesColumns, SyscallColumns } from "../model.ts";

/** A batch as it stands on the wire: nothing is checked. */
export interface WireBatch {
  readonly agentId: string;
  readonly epoch: bigint;
  /** Rounded above 2^53, as are all that are uint64 on the wire. */
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
  readonly locks: LockColumns;
  readonly syscalls: WireSyscalls;
  readonly stackEnds: { readonly end: Uint32Array; readonly count: Float64Array };
}

/** System calls as they stand on the wire: how many errors and buckets each row has, not where they begin. */
export type WireSyscalls = Omit<SyscallColumns, "errorOffset" | "histogramOffset"> & {
  readonly errors: Uint32Array;
  readonly buckets: Uint32Array;
};
