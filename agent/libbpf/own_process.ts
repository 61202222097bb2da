// SPDX-License-Identifier: Apache-2.0
/**
 * Asks what this process needs of the kernel and the C library for itself.
 *
 * @module
 */

import { bpfError, cString, lastErrno } from "./errors.ts";
import { openLibrary } from "./library.ts";

const PR_SET_CHILD_SUBREAPER = 36;

/**
 * Makes a process whose parent ended a child of this one from now on, if it descends from it.
 *
 * @throws {BpfError} when the kernel refuses
 */
export function adoptOrphans(): void {
  using library = openLibrary();
  if (library.libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) === 0) return;
  throw bpfError(library, { doing: "adopt processes whose parent ended", errno: lastErrno(library) });
}

/** <malloc.h>: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX. */
const [TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX] = [-1, -3, -8];
const ARENAS = 2;
/** What is as large is a mapping of its own, which is gone when it is freed. */
const LARGE_BYTES = 64 << 10;

/**
 * Has the C library's allocator keep little: without it each thread has an arena of its own, and what was large once
 * stays. What it holds already is not touched.
 */
export function limitAllocator(): void {
  using library = openLibrary();
  library.libc.mallopt(ARENA_MAX, ARENAS);
  library.libc.mallopt(MMAP_THRESHOLD, LARGE_BYTES);
  library.libc.mallopt(TRIM_THRESHOLD, 2 * LARGE_BYTES);
}

/**
 * Becomes the program at `path`, under the same number, with the same files and environment.
 *
 * @throws {BpfError} when the kernel refuses; it does not return otherwise
 */
export function becomeProgram(path: string, args: readonly string[]): never {
  using library = openLibrary();
  const texts = args.map(cString);
  const pointers = BigUint64Array.from([
    ...texts.map((text) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(text))),
    0n,
  ]);
  library.libc.execv(cString(path), new Uint8Array(pointers.buffer));
  throw bpfError(library, { doing: `run ${path}`, errno: lastErrno(library) });
}

/**
 * Gives the system back what the C library's allocator holds and does not use, and the pages of programs and libraries,
 * most of which ran when the process began and not since: what runs again comes from the system's own copy of the file.
 * Takes some milliseconds.
 */
export function giveBackMemory(): void {
  using library = openLibrary();
  library.libc.malloc_trim(0n);
  for (const { start, bytes } of unchangedFiles(Deno.readTextFileSync("/proc/self/smaps"))) {
    library.libc.madvise(BigInt(start), BigInt(bytes), MADV_DONTNEED);
  }
}

/** The C library's allocator has so many bytes of this process's memory. */
export interface AllocatorBytes {
  /** Somebody uses it. */
  readonly used: number;
  /** Nobody does: it lies between what is used. Most of its pages are the system's, see {@linkcode giveBackMemory}. */
  readonly free: number;
}

/** Asks the C library's allocator what it has; `undefined` where that tells nothing (glibc before 2.33, musl). */
export function allocatorBytes(): AllocatorBytes | undefined {
  using library = openLibrary();
  const info = library.libc.mallinfo2?.();
  if (!info) return undefined;
  const fields = new BigUint64Array(info.buffer as ArrayBuffer, info.byteOffset, MALLINFO_FIELDS);
  return { used: Number(fields[4]! + fields[7]!), free: Number(fields[8]!) };
}

const MALLINFO_FIELDS = 10;

/** <sys/mman.h> */
const MADV_DONTNEED = 4;

/**
 * Returns the mappings of files that nobody may write to and of which no page is a copy, by the text of
 * `/proc/PID/smaps`. A page that the loader or a debugger has changed exists nowhere else.
 */
export function unchangedFiles(smaps: string): { start: number; bytes: number }[] {
  const found: { start: number; bytes: number }[] = [];
  let mapping: { start: number; bytes: number } | undefined;
  for (const line of smaps.split("\n")) {
    const [, from, to, permissions, path] = MAPPING_LINE.exec(line) ?? [];
    if (from && to) {
      const [start, end] = [parseInt(from, 16), parseInt(to, 16)];
      const isFile = permissions?.[1] === "-" && permissions[3] === "p" && path?.startsWith("/");
      mapping = isFile ? { start, bytes: end - start } : undefined;
    } else if (mapping && /^Anonymous:\s+0 kB$/.test(line)) {
      found.push(mapping);
    }
  }
  return found;
}

/** `start-end permissions offset device inode path` */
const MAPPING_LINE = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)$/;
