// SPDX-License-Identifier: Apache-2.0
/**
 * Has the columns of tables without rows.
 *
 * @module
 */

import type { ForeignColumns, HoldColumns, LockColumns, SlowCallColumns, SyscallColumns } from "./model.ts";

/** Holds no waits. */
export const NO_LOCKS: LockColumns = {
  outcome: new Uint8Array(),
  series: new Uint32Array(),
  stack: new Uint32Array(),
  class: new Uint32Array(),
  type: new Uint32Array(),
  address: new Uint32Array(),
  holderSeries: new Uint32Array(),
  holderStack: new Uint32Array(),
  count: new Float64Array(),
  delay: new Float64Array(),
  max: new Float64Array(),
  histogramOffset: new Uint32Array(1),
  histogram: new Float64Array(),
};

/** Has no holds. */
export const NO_HOLDS: HoldColumns = {
  series: new Uint32Array(),
  stack: new Uint32Array(),
  class: new Uint32Array(),
  count: new Float64Array(),
  total: new Float64Array(),
  max: new Float64Array(),
  histogramOffset: new Uint32Array(1),
  histogram: new Float64Array(),
};

/** Holds no samples of others. */
export const NO_FOREIGN: ForeignColumns = {
  type: new Uint32Array(),
  series: new Uint32Array(),
  stack: new Uint32Array(),
  value: new Float64Array(),
  count: new Float64Array(),
};

/** Holds no calls. */
export const NO_SYSCALLS: SyscallColumns = {
  series: new Uint32Array(),
  call: new Uint32Array(),
  category: new Uint32Array(),
  count: new Float64Array(),
  total: new Float64Array(),
  min: new Float64Array(),
  max: new Float64Array(),
  errorOffset: new Uint32Array(1),
  errno: new Uint32Array(),
  errorCount: new Float64Array(),
  histogramOffset: new Uint32Array(1),
  histogram: new Float64Array(),
  open: new Float64Array(),
  oldest: new Float64Array(),
};

/** Holds no slow calls. */
export const NO_SLOW_CALLS: SlowCallColumns = {
  series: new Uint32Array(),
  call: new Uint32Array(),
  category: new Uint32Array(),
  object: new Uint32Array(),
  count: new Float64Array(),
  total: new Float64Array(),
  onCpu: new Float64Array(),
  inLock: new Float64Array(),
  max: new Float64Array(),
};
