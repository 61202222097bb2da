// SPDX-License-Identifier: Apache-2.0
/**
 * The memory that the agent may use, and how it is divided.
 *
 * @module
 */

/** Deno takes this before it has run anything: its own text, and what threads and V8 begin with. */
const BASE_BYTES = 80 << 20;
/** These are parts of what is left. */
const SHARES = { symbols: 0.25, debug: 0.4 } as const;
/** V8 ends a program whose heap is full, which is worse than one that is large: this is the last bound, not the aim. */
const LEAST_HEAP_BYTES = 256 << 20;
/** A container's maps and the kernel's own use leave this part of its limit. */
const LIMIT_SHARE = 0.85;

export interface Budget {
  /** All together may take so many bytes. */
  readonly bytes: number;
  /** The bound of V8's old space, where it ends the program: far above what it should hold. */
  readonly heapBytes: number;
  /** Named frames and symbol tables. */
  readonly symbolBytes: number;
  /** Debug information that is open. */
  readonly debugBytes: number;
}

/** Divides `bytes`, or what a limit of `limitBytes` leaves where that is less. */
export function divideMemory(bytes: number, limitBytes = Infinity): Budget {
  const all = Math.floor(Math.min(bytes, limitBytes * LIMIT_SHARE));
  const free = Math.max(0, all - BASE_BYTES);
  return {
    bytes: all,
    heapBytes: Math.max(LEAST_HEAP_BYTES, free),
    symbolBytes: Math.floor(free * SHARES.symbols),
    debugBytes: Math.floor(free * SHARES.debug),
  };
}
