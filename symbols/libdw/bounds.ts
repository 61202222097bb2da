// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds what this process may take of the machine, for as long as it lives.
 *
 * @module
 */

/** sys/resource.h */
const RLIMIT_CPU = 0;
const RLIMIT_DATA = 2;
const PRIO_PROCESS = 0;
/** All else goes first. */
const NICE = 10;

const LIBC_LIMITS = {
  setrlimit: {
    parameters: [/* int resource */ "i32", /* const struct rlimit *rlim: soft, hard */ "buffer"],
    result: "i32",
  },
  setpriority: {
    parameters: [/* int which */ "i32", /* id_t who; 0 for this process */ "u32", /* int prio */ "i32"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Lets the kernel end the process when it takes more memory that it writes to, or more time on a CPU; all of that is at
 * a low priority.
 *
 * @throws {Error} when the kernel refuses
 */
export function boundProcess({ dataBytes, cpuSeconds }: { dataBytes: number; cpuSeconds: number }): void {
  using libraries = new DisposableStack();
  const { symbols } = libraries.adopt(Deno.dlopen("libc.so.6", LIBC_LIMITS), (library) => library.close());
  symbols.setpriority(PRIO_PROCESS, 0, NICE);
  for (const [resource, limit] of [[RLIMIT_DATA, dataBytes], [RLIMIT_CPU, cpuSeconds]] as const) {
    const limits = BigUint64Array.of(BigInt(limit), BigInt(limit));
    if (symbols.setrlimit(resource, new Uint8Array(limits.buffer)) !== 0) {
      throw new Error(`Cannot bound resource ${resource} of this process at ${limit}`);
    }
  }
}
