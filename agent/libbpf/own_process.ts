// SPDX-License-Identifier: Apache-2.0
/**
 * Asks what this process needs of the kernel and the C library for itself.
 *
 * @module
 */

import { bpfError, cString, lastErrno } from "./errors.ts";
import { openLibrary } from "./library.ts";
import { readSmallText } from "./proc_file.ts";

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
 * Takes a millisecond or two.
 */
export function giveBackMemory(): void {
  using library = openLibrary();
  library.libc.malloc_trim(0n);
  using pages = new PageMap();
  for (const mapping of readOnlyFiles(readSmallText("/proc/self/maps") ?? "")) {
    if (pages.hasCopies(mapping)) continue;
    library.libc.madvise(BigInt(mapping.start), BigInt(mapping.bytes), MADV_DONTNEED);
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

interface Mapping {
  readonly start: number;
  readonly bytes: number;
}

/** Returns the private mappings of files that nobody may write to, by the text of `/proc/PID/maps`. */
export function readOnlyFiles(maps: string): Mapping[] {
  const found: Mapping[] = [];
  for (const [, from, to] of maps.matchAll(READ_ONLY_FILE)) {
    const [start, end] = [parseInt(from!, 16), parseInt(to!, 16)];
    found.push({ start, bytes: end - start });
  }
  return found;
}

/** `start-end permissions offset device inode path` */
const READ_ONLY_FILE = /^([0-9a-f]+)-([0-9a-f]+) .-.p \S+ \S+ \S+ +\//gm;

const PAGE_BYTES = 4096;
/** So many pages are looked at at once: 32 MiB of memory. */
const PAGES = 8192;
/** Each page has a word of 64 bits (Documentation/admin-guide/mm/pagemap.rst); these are in its upper half. */
const ENTRY_BYTES = 8;
const [PRESENT, SWAPPED, OF_FILE] = [1 << 31, 1 << 30, 1 << 29];

/**
 * Tells what stands behind the pages of this process. `/proc/PID/smaps` does, too, but for each page of all that is mapped,
 * which takes tens of milliseconds.
 */
export class PageMap implements Disposable {
  readonly #file = Deno.openSync("/proc/self/pagemap");
  readonly #bytes = new Uint8Array(PAGES * ENTRY_BYTES);

  [Symbol.dispose](): void {
    this.#file.close();
  }

  /**
   * Tells whether a page of the mapping of a file is a copy: one that the loader or a debugger has changed exists nowhere
   * else. What cannot be read may be one.
   */
  hasCopies({ start, bytes }: Mapping): boolean {
    const words = new Uint32Array(this.#bytes.buffer);
    this.#file.seekSync(start / PAGE_BYTES * ENTRY_BYTES, Deno.SeekMode.Start);
    for (let left = bytes / PAGE_BYTES; left > 0;) {
      const wanted = Math.min(left, PAGES);
      const got = Math.floor(
        (this.#file.readSync(this.#bytes.subarray(0, wanted * ENTRY_BYTES)) ?? 0) / ENTRY_BYTES,
      );
      if (got === 0) return true;
      for (let i = 0; i < got; i++) {
        const upper = words[2 * i + 1]!;
        if ((upper & (PRESENT | SWAPPED)) !== 0 && (upper & OF_FILE) === 0) return true;
      }
      left -= got;
    }
    return false;
  }
}
