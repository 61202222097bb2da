// SPDX-License-Identifier: Apache-2.0
/**
 * Compiles the programs that tests, the demo and the benchmarks profile.
 *
 * @module
 */

/** They ask for frame pointers, so that the kernel's own stack walk sees the whole chain. */
export const FRAME_POINTERS = [
  "-O2",
  "-g",
  "-fno-omit-frame-pointer",
  "-fno-optimize-sibling-calls",
  "-pthread",
];

/**
 * Compiles the C file `source` (a path or URL) to `target`.
 *
 * @throws {Error} with the compiler's words
 */
export async function compile(
  source: string | URL,
  target: string,
  { flags = FRAME_POINTERS, compiler = "clang" }: { flags?: readonly string[]; compiler?: string } = {},
): Promise<void> {
  const path = source instanceof URL ? source.pathname : source;
  const { success, stderr } = await new Deno.Command(compiler, { args: [...flags, path, "-o", target] })
    .output();
  if (!success) throw new Error(`Cannot compile ${path}: ${new TextDecoder().decode(stderr)}`);
}
