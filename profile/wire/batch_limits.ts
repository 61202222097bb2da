// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds what one batch may have.
 *
 * @module
 */

/** These are far above what an agent sends; they keep one message from taking the aggregator's memory or time. */
export interface BatchLimits {
  /** Bounds `agentId`, `node` and `agentVersion`, in UTF-16 units. @default {256} */
  nameLength?: number;
  /** Bounds one entry of the string table, in UTF-16 units. @default {16384} */
  stringLength?: number;
  /** @default {1048576} */
  strings?: number;
  /** @default {1048576} */
  frames?: number;
  /** @default {1048576} */
  stacks?: number;
  /** Bounds the frames of one stack. @default {1024} */
  depth?: number;
  /** @default {1048576} */
  series?: number;
  /** @default {4194304} */
  samples?: number;
  /** @default {1048576} */
  locks?: number;
  /** @default {1048576} */
  holds?: number;
  /** @default {1048576} */
  syscalls?: number;
  /** Bounds the samples of others. @default {1048576} */
  foreign?: number;
  /** @default {1048576} */
  slowCalls?: number;
  /** Bounds the different errors of one row of system calls. @default {4096} */
  errors?: number;
  /** Bounds the reasons of losses, and ends of stacks. @default {1024} */
  losses?: number;
  /** Bounds the batch written out, see `expandedSize()`: what it costs to store. @default {67108864} */
  expandedBytes?: number;
  /** The window, from `startNs` to `endNs`, is at most so long, in ms. @default {86400000} */
  windowMs?: number;
}

/** Holds the limits where none are given. */
export const BATCH_LIMITS: Readonly<Required<BatchLimits>> = {
  nameLength: 256,
  stringLength: 16_384,
  strings: 2 ** 20,
  frames: 2 ** 20,
  stacks: 2 ** 20,
  depth: 1024,
  series: 2 ** 20,
  samples: 2 ** 22,
  locks: 2 ** 20,
  holds: 2 ** 20,
  syscalls: 2 ** 20,
  foreign: 2 ** 20,
  slowCalls: 2 ** 20,
  errors: 4096,
  losses: 1024,
  expandedBytes: 2 ** 26,
  windowMs: 86_400_000,
};
