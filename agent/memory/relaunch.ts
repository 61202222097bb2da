// SPDX-License-Identifier: Apache-2.0
/**
 * V8's bounds, which are set when a process begins.
 *
 * @module
 */

const HEAP_FLAG = "--max-old-space-size";

/**
 * Returns the arguments of this program with V8 bound to `heapBytes`; `undefined` where it is bound already, or this is
 * not `deno run`.
 *
 * @param args of the process, its name first, as `/proc/self/cmdline` has them
 */
export function boundArguments(args: readonly string[], heapBytes: number): string[] | undefined {
  if (args[1] !== "run") return undefined;
  const flags = [
    `${HEAP_FLAG}=${Math.floor(heapBytes / 2 ** 20)}`,
    // New objects that live on are few here, and two halves of 16 MiB are much for them.
    "--max-semi-space-size=4",
    // A heap of some tens of megabytes is not worth waking other threads for: together they take a fifth more CPU time.
    "--single-threaded-gc",
    // Garbage is collected while it is little, and its memory goes back at once. Without the first, a heap of 40 MB
    // grows to 180 on a machine so busy that collecting comes late.
    "--optimize-for-size",
    "--heap-growing-percent=25",
    "--no-memory-pool",
  ].join();
  const script = args.findIndex((arg, i) => i > 1 && !arg.startsWith("-"));
  const own = args.slice(0, script < 0 ? args.length : script);
  if (own.some((arg) => arg.includes(HEAP_FLAG))) return undefined;
  const given = own.findIndex((arg) => arg.startsWith("--v8-flags="));
  if (given < 0) return ["deno", "run", `--v8-flags=${flags}`, ...args.slice(2)];
  return ["deno", ...args.slice(1).map((arg, i) => i + 1 === given ? `${arg},${flags}` : arg)];
}

/** Returns what `/proc/self/cmdline` says. */
export function ownArguments(): string[] {
  return Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
}
