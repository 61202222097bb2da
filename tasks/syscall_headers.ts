// SPDX-License-Identifier: Apache-2.0
/**
 * The numbers of system calls, as the kernel's headers have them.
 *
 * @module
 */

interface Header {
  readonly path: string;
  readonly what: string;
  /** Lists what an architecture's own header defines before it includes the generic one. */
  readonly defines?: readonly string[];
}

/** Says where Debian's linux-libc-dev has them. */
export const UNISTD = {
  x86_64: { path: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", what: "x86-64" },
  i386: { path: "/usr/include/x86_64-linux-gnu/asm/unistd_32.h", what: "32-bit x86" },
  aarch64: {
    path: "/usr/include/asm-generic/unistd.h",
    what: "arm64",
    defines: ["RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "TIME32_SYSCALLS", "SYS_CLONE3", "MEMFD_SECRET"],
  },
} as const satisfies Readonly<Record<string, Header>>;

/**
 * Names by number, of one of {@linkcode UNISTD}.
 *
 * @throws {Error} with the preprocessor's words when it fails
 */
export async function readUnistd({ path, defines = [] }: Header): Promise<Map<number, string>> {
  const args = ["-E", "-dM", ...defines.map((name) => `-D__ARCH_WANT_${name}`), path];
  const { success, stdout, stderr } = await new Deno.Command("clang", { args }).output();
  if (!success) throw new Error(`Cannot read ${path}: ${new TextDecoder().decode(stderr)}`);
  const values = new Map(
    new TextDecoder().decode(stdout).matchAll(/^#define (__NR\w*?_\w+) (\w+)$/gm)
      .map(([, name, value]) => [name!, value!]),
  );
  const names = new Map<number, string>();
  for (const [macro, value] of values) {
    const name = macro.slice("__NR_".length);
    // A call whose name differs between 32 and 64 bits: __NR_lseek is __NR3264_lseek.
    const number = Number(values.get(value) ?? value);
    if (!macro.startsWith("__NR_") || name === "syscalls" || name === "arch_specific_syscall") continue;
    if (Number.isInteger(number)) names.set(number, name);
  }
  return names;
}
