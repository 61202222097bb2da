// SPDX-License-Identifier: Apache-2.0
/**
 * Tools of bcc that are rivals. Debian 12 has them as bcc's own (`-bpfcc`), which compile their programs with the kernel's
 * headers, and some as libbpf-tools, which need none; since Debian 13 these have names of their own (`-libbpf`).
 *
 * @module
 */

import { debianProgram } from "../tests/support/debian_program.ts";
import { Rival } from "./rival.ts";

const FOLDER = new URL("../.tools/bcc", import.meta.url).pathname;

const SYSCOUNTS = [["syscount-bpfcc", "-L"], ["syscount-libbpf", "-L"], ["syscount", "-L"]] as const;
/** It came after the bcc of Debian 12, and only to libbpf-tools. */
const FUTEXCTNS = [["futexctn-libbpf"], ["futexctn"]] as const;

/** Returns the command that counts system calls with their latencies; `undefined` where there is none. */
export function findSyscount(): Promise<readonly [string, ...string[]] | undefined> {
  return Rival.find(SYSCOUNTS);
}

/**
 * Returns the command that counts waits at futexes with their stacks: this machine's, or that of Debian 13, which is
 * fetched once with its libraries, 5 MB; `undefined` where neither runs.
 */
export async function findFutexctn(): Promise<readonly [string, ...string[]] | undefined> {
  return await Rival.find(FUTEXCTNS) ?? await Rival.find([[fetchFutexctn()]]);
}

function fetchFutexctn(): string {
  return debianProgram({
    suite: "trixie",
    packages: ["libbpf-tools", "libc6", "libelf1t64", "zlib1g", "libzstd1"],
    path: "usr/sbin/futexctn-libbpf",
    folder: FOLDER,
  });
}
