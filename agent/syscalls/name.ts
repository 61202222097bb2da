// SPDX-License-Identifier: Apache-2.0
/**
 * Names system calls.
 *
 * @module
 */

import { ABIS, CALL, SOURCES } from "../libbpf/mod.ts";
import { AARCH64 } from "./aarch64.ts";
import { I386 } from "./i386.ts";
import { NEWER_CALLS } from "./newer_calls.ts";
import { X86_64 } from "./x86_64.ts";

const NATIVE = { x86_64: X86_64, aarch64: AARCH64 } as const;
export type Arch = keyof typeof NATIVE;

/** x32 has calls of its own from here on; below, they are those of x86-64. */
const X32_OWN = 512;

/**
 * Returns the name of what the kernel counted as `call` (`struct aperture_syscall_key`).
 *
 * As in the kernel's table: `read`, or `syscall_500` where that has none, `invalid` for a number that no table has. Another calling convention goes before it (`ia32:read`, `x32:`, `aarch32:`), and behind it what a long read
 * waited for (`read(pipe)`: pipe, terminal, socket, event, or the answer of a server).
 */
export function callName(call: number, arch: Arch = Deno.build.arch): string {
  const number = call & CALL.invalid;
  const abi = ABIS[call >>> CALL.abiShift & 0xff];
  const source = SOURCES[call >>> CALL.sourceShift];
  // A number that is none, as -1, has the bit that tells x32 by chance.
  const prefix = abi === "native" || (abi === "x32" && number === CALL.invalid) ? "" : `${abi}:`;
  const suffix = source === "file" ? "" : `(${source})`;
  return `${prefix}${plainName(number, { abi, arch })}${suffix}`;
}

function plainName(number: number, { abi, arch }: { abi: (typeof ABIS)[number] | undefined; arch: Arch }) {
  if (number === CALL.invalid) return "invalid";
  return tableOf(abi, { number, arch })[number] ?? NEWER_CALLS[number] ?? `syscall_${number}`;
}

function tableOf(
  abi: (typeof ABIS)[number] | undefined,
  { number, arch }: { number: number; arch: Arch },
): Readonly<Record<number, string>> {
  switch (abi) {
    case "native":
      return NATIVE[arch];
    case "ia32":
      return I386;
    case "x32":
      return number < X32_OWN ? X86_64 : {};
    default:
      return {};
  }
}
