// SPDX-License-Identifier: Apache-2.0
/**
 * The frames by which a tracepoint runs a BPF program, which are at the leaf end of a kernel stack that the program
 * reads. How many there are depends on the kernel's version and compiler, so they are known by their functions.
 *
 * @module
 */

/** A function's code is here, by the low 48 bits of its addresses. */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/** The tracepoint's own frames are among so many: program, bpf_trace_runN, __bpf_trace_NAME, __traceiter_NAME. */
const NEAR = 6;

/** Returns the ranges of functions that run programs at the tracepoint `name`, from the text of `/proc/kallsyms`. */
export function tracepointRanges(kallsyms: string, name: string): AddressRange[] {
  const symbols = new RegExp(
    `^[0-9a-f]{4}([0-9a-f]{12}) [tT] (?:bpf_trace_run\\d+|__bpf_trace_${name}|__traceiter_${name})\\n[0-9a-f]{4}([0-9a-f]{12}) `,
    "gm",
  );
  return [...kallsyms.matchAll(symbols)]
    .map(([, start, end]) => ({ start: parseInt(start!, 16), end: parseInt(end!, 16) }))
    // All are 0 where the kernel hides its addresses.
    .filter(({ start, end }) => start > 0 && end > start);
}

/** Returns `stack`, leaf first, without what `ranges` have and what is nearer to the leaf. */
export function withoutTracepoint(
  stack: readonly number[],
  ranges: readonly AddressRange[],
): readonly number[] {
  const last = stack.slice(0, NEAR).findLastIndex((address) => {
    return ranges.some(({ start, end }) => address > start && address <= end);
  });
  return last < 0 ? stack : stack.slice(last + 1);
}
