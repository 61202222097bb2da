// SPDX-License-Identifier: Apache-2.0
/**
 * Tells where Go's runtime changes stacks: a goroutine that needs more than its own small stack goes on on the
 * thread's, and the function that changed over has its caller on the goroutine's. Which that is the runtime keeps in
 * the goroutine (`g.sched.sp`), and which goroutine in the thread (`m.curg`), at offsets that change from version to
 * version; the code of `runtime.systemstack` itself has them.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import type { GoFunction, GoLineTable } from "./line_table.ts";

/** Tells where the runtime keeps what it left the goroutine's stack with, in bytes. */
export interface StackSwitch {
  /** The running goroutine's address is here, from the thread pointer (`%fs`). */
  readonly threadLocal: number;
  /** `m.curg` is here. */
  readonly current: number;
}

/**
 * Functions that change over, and whether the saved stack pointer is the one that their caller had. If not, it is the
 * one within the function, before it changed over.
 */
const SWITCHES: ReadonlyMap<string, boolean> = new Map([
  ["runtime.systemstack", false],
  ["runtime.asmcgocall", false],
  ["runtime.mcall", true],
  ["runtime.morestack", true],
]);

const MAX_CODE_BYTES = 512;
/** The runtime comes first in all programs: it is among so many functions. */
const MAX_FUNCTIONS = 1 << 16;
/** `mov %fs:X, %rax`; and with the offset in a register first, in position-independent programs. */
const LOAD_G = [0x64, 0x48, 0x8b, 0x04, 0x25];
const LOAD_OFFSET = [0x48, 0xc7, 0xc1];
const LOAD_G_BY_OFFSET = [0x64, 0x48, 0x8b, 0x01];
/** `mov 0x30(%rax), %rbx`: `g.m`. */
const LOAD_M = [0x48, 0x8b, 0x58, 0x30];
/** `cmp X(%rbx), %rax`: `m.curg`, as `m.gsignal` is compared with an offset of one byte. */
const COMPARE_CURRENT = [0x48, 0x3b, 0x83];

/** Reads the offsets out of the program's code; `undefined` where it is not the code that is known. */
export function findStackSwitch(table: GoLineTable, source: ByteSource): StackSwitch | undefined {
  for (const fn of table.named(source, "runtime.systemstack", MAX_FUNCTIONS)) {
    const code = table.codeOf(source, fn, MAX_CODE_BYTES);
    if (indexOf(code, LOAD_M) < 0) continue;
    const threadLocal = numberAfter(code, LOAD_G) ??
      (indexOf(code, LOAD_G_BY_OFFSET) < 0 ? undefined : numberAfter(code, LOAD_OFFSET));
    const current = numberAfter(code, COMPARE_CURRENT);
    if (threadLocal === undefined || current === undefined) continue;
    if (threadLocal < 0 && current > 0 && current < 1 << 12) return { threadLocal, current };
  }
  return undefined;
}

/**
 * Tells how a function that changes stacks left the goroutine's: `undefined` for a function that does not.
 *
 * @returns whether the saved stack pointer is its caller's
 */
export function savesCallers({ name }: Pick<GoFunction, "name">): boolean | undefined {
  return SWITCHES.get(name);
}

function numberAfter(code: Uint8Array<ArrayBuffer>, pattern: readonly number[]): number | undefined {
  const at = indexOf(code, pattern) + pattern.length;
  if (at < pattern.length || at + 4 > code.length) return undefined;
  return new DataView(code.buffer, code.byteOffset).getInt32(at, true);
}

function indexOf(code: Uint8Array, pattern: readonly number[]): number {
  for (let at = code.indexOf(pattern[0]!); at >= 0; at = code.indexOf(pattern[0]!, at + 1)) {
    if (pattern.every((byte, i) => code[at + i] === byte)) return at;
  }
  return -1;
}
