// SPDX-License-Identifier: Apache-2.0
/**
 * libbpf and libc, opened when first needed and closed with the last that uses them.
 *
 * @module
 */

import { LIBBPF_SYMBOLS, LIBC_SYMBOLS } from "./ffi.ts";

export type Libbpf = Deno.DynamicLibrary<typeof LIBBPF_SYMBOLS>["symbols"];
export type Libc = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"];

/** A hold on the libraries. */
export interface Library extends Disposable {
  readonly bpf: Libbpf;
  readonly libc: Libc;
}

export const LIBBPF_NAME = "libbpf.so.1";

let opened: { library: Omit<Library, typeof Symbol.dispose>; holds: number; close(): void } | undefined;

/**
 * Opens the libraries, or holds them open once more.
 *
 * @throws {Error} when libbpf 1 is not installed
 */
export function openLibrary(): Library {
  opened ??= open();
  const { library } = opened;
  opened.holds++;
  let released = false;
  return {
    ...library,
    [Symbol.dispose]() {
      if (released) return;
      released = true;
      if (--opened!.holds > 0) return;
      opened!.close();
      opened = undefined;
    },
  };
}

function open(): NonNullable<typeof opened> {
  const libc = Deno.dlopen("libc.so.6", LIBC_SYMBOLS);
  let bpf;
  try {
    bpf = Deno.dlopen(LIBBPF_NAME, LIBBPF_SYMBOLS);
  } catch (error) {
    libc.close();
    throw new Error(`Cannot open ${LIBBPF_NAME}: ${whyMissing(error)}`, { cause: error });
  }
  return {
    library: { bpf: bpf.symbols, libc: libc.symbols },
    holds: 0,
    close() {
      bpf.close();
      libc.close();
    },
  };
}

/** libbpf 0 has other functions and other errors under the same names. */
function whyMissing(error: unknown): string {
  const found = libbpfVersion();
  if (found === 0) {
    return "libbpf 0 is installed, which is too old: install libbpf 1.0 or later (libbpf1 of Debian 12, Ubuntu 22.10)";
  }
  if (found === undefined) return "install libbpf 1.0 or later (apt-get install libbpf1)";
  return error instanceof Error ? error.message : String(error);
}

/** Returns the major version of libbpf that the loader finds, 1 or 0; `undefined` when there is none. */
export function libbpfVersion(): 0 | 1 | undefined {
  for (const version of [1, 0] as const) {
    try {
      Deno.dlopen(`libbpf.so.${version}`, {}).close();
      return version;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}
