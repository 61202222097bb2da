// SPDX-License-Identifier: Apache-2.0
/**
 * V8's bounds, which are set when a process begins.
 *
 * @module
 */

const HEAP_FLAG = "--max-old-space-size";

const INSPECT = /^--inspect/;

export interface BoundOptions {
  /** The bound of V8's old space. */
  readonly heapBytes: number;
  /** Returns the path of what is run in place of the script, unless somebody looks at that by an inspector. */
  readonly bundle: () => string | undefined;
}

/**
 * Returns the arguments of this program with V8 bound; `undefined` where it is bound already, or this is not `deno run`.
 *
 * @param args of the process, its name first, as `/proc/self/cmdline` has them
 */
export function boundArguments(
  args: readonly string[],
  { heapBytes, bundle }: BoundOptions,
): string[] | undefined {
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
    // Most of the code runs once in a window: V8's last compiler takes more time than what it makes saves.
    "--max-opt=2",
  ].join();
  const script = args.findIndex((arg, i) => i > 1 && !arg.startsWith("-"));
  const own = args.slice(0, script < 0 ? args.length : script);
  if (own.some((arg) => arg.includes(HEAP_FLAG))) return undefined;
  const bound = ["deno", ...args.slice(1)];
  const bundled = script < 0 || own.some((arg) => INSPECT.test(arg)) ? undefined : bundle();
  if (bundled !== undefined) bound[script] = bundled;
  const given = own.findIndex((arg) => arg.startsWith("--v8-flags="));
  if (given < 0) bound.splice(2, 0, `--v8-flags=${flags}`);
  else bound[given] = `${bound[given]},${flags}`;
  return bound;
}

/** Returns what `/proc/self/cmdline` says. */
export function ownArguments(): string[] {
  return Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
}
