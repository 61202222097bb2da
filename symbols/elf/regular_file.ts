// SPDX-License-Identifier: Apache-2.0
/**
 * Opens files in places where others may put what they like: in containers, in /tmp.
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { FillingSource } from "./byte_source.ts";

/** The flag O_PATH of open(2), which Deno has no name for, finds a file without opening it. */
const O_PATH = 0o10000000;

/** A regular file, open for reading. */
export class RegularFile implements FillingSource, Disposable {
  readonly #fd: number;
  readonly size: number;
  /** This text stays the same as long as the file's bytes do, but for writes within a mapping. */
  readonly identity: string;
  readonly inode: number;
  /** The number has the kernel's own form: the major number, then 20 bits of the minor one. */
  readonly device: number;
  /** The time of the last write is in whole seconds since 1970. */
  readonly modifiedSeconds: number;
  readonly uid: number;

  private constructor(fd: number) {
    const stat = fstatSync(fd);
    this.#fd = fd;
    this.size = stat.size;
    this.inode = stat.ino;
    this.device = deviceNumber(stat.dev);
    this.modifiedSeconds = Math.floor(stat.mtimeMs / 1000);
    this.uid = stat.uid;
    this.identity = `${stat.dev}:${stat.ino}:${stat.mtimeMs}:${stat.size}`;
  }

  /**
   * Opens a file; `undefined` when there is none, it may not be read, or it is not a regular one, which is looked at
   * before
   * it is opened: to open a device can start something, and to open a named pipe waits.
   *
   * @param options.follow whether a symbolic link at the end of the path is followed @default {true}
   */
  static open(path: string, { follow = true }: { follow?: boolean } = {}): RegularFile | undefined {
    const known = openOrNot(path, O_PATH | (follow ? 0 : constants.O_NOFOLLOW));
    if (known === undefined) return undefined;
    try {
      if (!fstatSync(known).isFile()) return undefined;
      // Whose owner has a lease on it (fcntl(2)) is not waited for.
      const fd = openOrNot(`/proc/self/fd/${known}`, constants.O_RDONLY | constants.O_NONBLOCK);
      return fd === undefined ? undefined : new RegularFile(fd);
    } finally {
      closeSync(known);
    }
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    return bytes.subarray(0, this.readInto(bytes, offset));
  }

  readInto(bytes: Uint8Array<ArrayBuffer>, offset: number): number {
    let filled = 0;
    while (filled < bytes.length) {
      const n = readSync(this.#fd, bytes, filled, bytes.length - filled, offset + filled);
      if (n === 0) break;
      filled += n;
    }
    return filled;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function openOrNot(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags);
  } catch {
    return undefined;
  }
}

/**
 * Reads `st_dev`, which the kernel gives as 8 bits of the minor number, 12 of the major one, and the rest of the minor
 * one.
 */
function deviceNumber(dev: number): number {
  const [major, minor] = [dev >>> 8 & 0xfff, dev & 0xff | dev >>> 12 & 0xfff00];
  return (major << 20 | minor) >>> 0;
}
