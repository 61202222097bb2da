// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the frames that are named already, and makes names for those without one.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import type { CodeFile } from "../elf/code_file.ts";
import { type Frame, UNKNOWN_MODULE } from "../../profile/model.ts";
import { STACK_ENDS } from "../libbpf/mod.ts";

/**
 * The cache holds what an address stands for, the innermost function first; by the kernel's address, or by file and
 * address in it.
 */
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

/** Returns what stands for the name of a function that has none. */
export function offsetName(module: string, offset: number): string {
  return `${module}+0x${offset.toString(16)}`;
}

const CUT_FRAMES: readonly Frame[] = STACK_ENDS.map((end) => ({
  function: `[cut: ${end}]`,
  module: UNKNOWN_MODULE,
  file: "",
  line: 0,
  buildId: "",
  address: 0,
}));

/** Returns the outermost frame of a stack that is not whole, by the number of the reason. */
export function cutFrame(reason: number): Frame {
  return CUT_FRAMES[reason] ?? CUT_FRAMES[STACK_ENDS.indexOf("no_mapping")]!;
}

/** Tells whether `frame` only says that the stack is not whole. */
export function isCut(frame: Frame): boolean {
  return frame.module === UNKNOWN_MODULE && frame.function.startsWith("[cut: ");
}

/** Returns whether a frame only has an {@linkcode offsetName}. */
export function isOffset({ function: name, address }: Frame): boolean {
  return name.endsWith(`+0x${address.toString(16)}`);
}
