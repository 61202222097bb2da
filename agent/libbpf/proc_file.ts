// SPDX-License-Identifier: Apache-2.0
/**
 * Looks at files that are looked at very often, such as those of `/proc/PID`, by few calls into the C library: Deno's own
 * take memory for each, and an exception where a process is gone, which on a machine that builds is every second one.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import { LIBC_SYMBOLS } from "./ffi.ts";

const LIBC = {
  open: {
    parameters: [
      "buffer", // const char *pathname
      "i32", // int flags
    ],
    result: "i32",
  },
  read: LIBC_SYMBOLS.read,
  close: LIBC_SYMBOLS.close,
  readlink: {
    parameters: [
      "buffer", // const char *pathname
      "buffer", // char *buf
      "usize", // size_t bufsiz
    ],
    result: "isize",
  },
  statx: {
    parameters: [
      "i32", // int dirfd
      "buffer", // const char *pathname
      "i32", // int flags
      "u32", // unsigned int mask
      "buffer", // struct statx *statxbuf
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** Is never closed: there is no moment after which no process is looked at. */
const opened = load();

/** Opens the C library where this program may: one that may not says so before it looks at a file. */
function load(): Deno.DynamicLibrary<typeof LIBC>["symbols"] | undefined {
  try {
    return Deno.dlopen("libc.so.6", LIBC).symbols;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

function libc(): Deno.DynamicLibrary<typeof LIBC>["symbols"] {
  if (!opened) {
    throw new Error("Cannot look at processes as Deno grants no foreign functions: --allow-ffi is missing");
  }
  return opened;
}

/** O_RDONLY | O_NONBLOCK | O_CLOEXEC */
const READ_FLAGS = 0o2004000;
const MAX_PATH = 4096;
const FIRST_BYTES = 16 << 10;
/** A file with more is not read: maps of a process with 100,000 mappings have 10 MB. */
const MAX_BYTES = 64 << 20;
/** A buffer that was larger once is not kept. */
const KEPT_BYTES = 256 << 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const cPath = new Uint8Array(MAX_PATH + 1);
const link = new Uint8Array(MAX_PATH);
let buffer = new Uint8Array(FIRST_BYTES);

/**
 * Returns what is in a file, in memory that the next call uses again; `undefined` where it cannot be read, or is larger
 * than 64 MiB.
 */
export function readSmallFile(path: string): Uint8Array<ArrayBuffer> | undefined {
  if (!setPath(path)) return undefined;
  const { open, read, close } = libc();
  const fd = open(cPath, READ_FLAGS);
  if (fd < 0) return undefined;
  try {
    if (buffer.length > KEPT_BYTES) buffer = new Uint8Array(FIRST_BYTES);
    for (let length = 0;;) {
      if (length === buffer.length && !grow()) return undefined;
      // Files of /proc are read page by page, and end where nothing comes.
      const room = buffer.subarray(length);
      const got = Number(read(fd, room, BigInt(room.length)));
      if (got < 0) return undefined;
      if (got === 0) return buffer.subarray(0, length);
      length += got;
    }
  } finally {
    close(fd);
  }
}

/** Returns what {@linkcode readSmallFile} does, as text. */
export function readSmallText(path: string): string | undefined {
  const bytes = readSmallFile(path);
  return bytes && decoder.decode(bytes);
}

/** Returns where a symbolic link leads; `undefined` where that is none, or longer than a path may be. */
export function readLink(path: string): string | undefined {
  if (!setPath(path)) return undefined;
  const length = Number(libc().readlink(cPath, link, BigInt(link.length)));
  return length < 0 || length === link.length ? undefined : decoder.decode(link.subarray(0, length));
}

const AT_FDCWD = -100;
/** STATX_TYPE | STATX_MTIME | STATX_INO | STATX_SIZE */
const WANTED = 0x1 | 0x40 | 0x100 | 0x200;
const [S_IFMT, S_IFREG] = [0o170000, 0o100000];
/** Offsets of struct statx. */
const STATX = { mode: 28, inode: 32, size: 40, modified: 112, major: 136, minor: 140 } as const;
const statx = new DataView(new ArrayBuffer(256));

/**
 * Returns what `RegularFile.identity` is of the regular file that a path leads to, without opening it; `undefined` where
 * there is none.
 */
export function fileIdentity(path: string): string | undefined {
  if (!setPath(path) || libc().statx(AT_FDCWD, cPath, 0, WANTED, statx) !== 0) return undefined;
  if ((statx.getUint16(STATX.mode, true) & S_IFMT) !== S_IFREG) return undefined;
  const [major, minor] = [statx.getUint32(STATX.major, true), statx.getUint32(STATX.minor, true)];
  // As `st_dev` has it (gnu_dev_makedev of the C library).
  const device = (major & 0xfff) * 2 ** 8 + (minor & 0xff) + Math.floor(minor / 2 ** 8) * 2 ** 20 +
    Math.floor(major / 2 ** 12) * 2 ** 44;
  const seconds = Number(statx.getBigInt64(STATX.modified, true));
  const modifiedMs = seconds * 1000 + Math.floor(statx.getUint32(STATX.modified + 8, true) / 1e6);
  return `${device}:${u64(statx, STATX.inode)}:${modifiedMs}:${u64(statx, STATX.size)}`;
}

/** Puts a path where the C library reads it; false where it is none. */
function setPath(path: string): boolean {
  const { read, written } = encoder.encodeInto(path, cPath);
  if (read < path.length || written > MAX_PATH || path.includes("\0")) return false;
  cPath[written] = 0;
  return true;
}

function grow(): boolean {
  if (buffer.length >= MAX_BYTES) return false;
  const larger = new Uint8Array(buffer.length * 4);
  larger.set(buffer);
  buffer = larger;
  return true;
}
