// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what code is called that a runtime compiled and nobody has a name for: by its kind, not by its address, as each
 * address would be a function of its own that says nothing.
 *
 * @module
 */

import { JIT_MODULE } from "../../profile/model.ts";
import type { Mapping } from "../metadata/maps.ts";

export const JVM = "JVM";
const [PHP, PCRE] = ["PHP", "PCRE"];

/** The programs and libraries that compile code, by the last part of the path; the first that a process has holds. */
const KINDS: readonly (readonly [kind: string, file: RegExp])[] = [
  [JVM, /^libjvm\.so$/],
  [".NET", /^libcoreclr\.so$/],
  ["LuaJIT", /^(luajit[-.\w]*|libluajit-.*)$/],
  ["V8", /^(node|nodejs|deno|electron|chrome|chromium|headless_shell|libnode\.so.*|libv8.*)$/],
  ["JavaScriptCore", /^(bun|libjavascriptcoregtk.*|libJavaScriptCore.*)$/],
  ["SpiderMonkey", /^(libxul\.so|libmozjs-.*|js\d+)$/],
  ["Mono", /^(mono|mono-sgen.*|libmono.*)$/],
  ["Julia", /^(julia|libjulia.*)$/],
  ["BEAM", /^beam(\.smp)?$/],
  ["QEMU", /^qemu-(system-)?[\w-]+$/],
  ["PyPy", /^(lib)?pypy.*$/],
  [PHP, /^(php[-.\d]*|php-fpm.*|libphp.*|opcache\.so)$/],
  ["Ruby", /^ruby[.\d]*$/],
  ["Guile", /^libguile-.*$/],
  ["Chez", /^(chezscheme|chez|petite)[.\d]*$/],
  ["SBCL", /^sbcl$/],
  // Last, as many programs have these libraries and compile themselves.
  ["LLVM", /^libLLVM.*$/],
  [PCRE, /^libpcre2?-?.*\.so.*$/],
];

/** What the kernel writes for memory that processes share, and programs for files that stand for it. */
const SHARED = /^\[anon_shmem:|^\/(dev\/(zero|shm\/)|memfd:|SYSV|anon_hugepage)/;

/** Returns what compiles code in a process that has these mapped; `undefined` where nothing is known to. */
export function jitKind(mappings: readonly Pick<Mapping, "path">[]): string | undefined {
  const names = new Set(mappings.map(({ path }) => path.slice(path.lastIndexOf("/") + 1)));
  return KINDS.find(([, file]) => names.values().some((name) => file.test(name)))?.[0];
}

/**
 * Returns the kind of the code in `mapping`, in a process that has code of `kind`. PHP keeps what it compiles in memory
 * that its processes share; what it has beside that are the patterns of its PCRE, which may be in its own file.
 */
export function kindIn(kind: string | undefined, { path }: Pick<Mapping, "path">): string | undefined {
  return kind === PHP && !SHARED.test(path) ? PCRE : kind;
}

/** Returns `[jit: KIND]`, or `[jit]`. */
export function jitName(kind: string | undefined): string {
  return kind === undefined ? JIT_MODULE : `[jit: ${kind}]`;
}
