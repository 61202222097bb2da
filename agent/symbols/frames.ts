/**
 * The frames that are named already, and how one without a name is called.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import type { CodeFile } from "../elf/code_file.ts";
import type { Frame } from "../../profile/model.ts";

/** What an address stands for, the innermost function first; by the kernel's address, or by file and address in it. */
export type FrameCache = LRUCache<number | string, readonly Frame[]>;

const FRAME_BYTES = 256;

/** @param bytes the most that the frames may take in memory */
export function frameCache(bytes: number): FrameCache {
  return new LRUCache({
    maxSize: bytes,
    sizeCalculation: (frames) =>
      frames.reduce((sum, frame) => sum + FRAME_BYTES + frame.function.length + frame.file.length, 0),
  });
}

export function frameKey({ serial }: Pick<CodeFile, "serial">, address: number): string {
  return `${serial}:${address}`;
}

/** Forgets all frames of these files, by their serials, so that they are looked up anew. */
export function forgetFrames(cache: FrameCache, files: readonly number[]): void {
  if (files.length === 0) return;
  const prefixes = new Set(files.map(String));
  for (const key of cache.keys()) {
    if (typeof key === "string" && prefixes.has(key.slice(0, key.indexOf(":")))) cache.delete(key);
  }
}

/** What stands for the name of a function that has none. */
export function offsetName(module: string, offset: number): string {
  return `${module}+0x${offset.toString(16)}`;
}

/** Whether a frame only has an {@linkcode offsetName}. */
export function isOffset({ function: name, address }: Frame): boolean {
  return name.endsWith(`+0x${address.toString(16)}`);
}
