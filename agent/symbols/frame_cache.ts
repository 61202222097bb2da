// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the frames that are named already, and makes names for those without one.
 *
 * @module
 */

import { type Frame, RANK, UNKNOWN_MODULE } from "../../profile/model.ts";
import { symbolRank } from "../../profile/symbol_rank.ts";
import { STACK_ENDS } from "../libbpf/mod.ts";

/** The kernel stands in the place of a file: no file has this serial. */
export const KERNEL_SERIAL = 0;
const FRAME_BYTES = 256;

/** Frames of one generation, by {@linkcode CodeFile.serial} and address. */
class Generation {
  readonly files = new Map<number, Map<number, readonly Frame[]>>();
  bytes = 0;
  size = 0;

  get(serial: number, address: number): readonly Frame[] | undefined {
    return this.files.get(serial)?.get(address);
  }

  set(serial: number, address: number, frames: readonly Frame[]): void {
    this.delete(serial, address);
    let file = this.files.get(serial);
    if (file === undefined) this.files.set(serial, file = new Map());
    file.set(address, frames);
    this.bytes += bytesOf(frames);
    this.size++;
  }

  delete(serial: number, address: number): void {
    const frames = this.get(serial, address);
    if (frames === undefined) return;
    this.files.get(serial)!.delete(address);
    this.bytes -= bytesOf(frames);
    this.size--;
  }

  forget(serial: number): void {
    const file = this.files.get(serial);
    if (file === undefined) return;
    this.files.delete(serial);
    this.size -= file.size;
    for (const frames of file.values()) this.bytes -= bytesOf(frames);
  }
}

/**
 * Holds what addresses in files, and of the kernel, stand for, the innermost function first.
 *
 * There are two generations. What is found in the old one moves to the young one, and once the young one has half of all
 * bytes, it becomes the old one, whose frames nobody has asked for since: to keep an order of last use would cost each
 * question more than the answer does.
 */
export class FrameCache {
  readonly #maxBytes: number;
  #young = new Generation();
  #old = new Generation();

  /** @param maxBytes the most that the frames may take in memory, about */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Returns how many addresses are known. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Returns what the frames take in memory, about. */
  get bytes(): number {
    return this.#young.bytes + this.#old.bytes;
  }

  /** Returns the frames of an address, which are kept for longer then. */
  get(serial: number, address: number): readonly Frame[] | undefined {
    const frames = this.#young.get(serial, address);
    if (frames !== undefined) return frames;
    const old = this.#old.get(serial, address);
    if (old !== undefined) this.set(serial, address, old);
    return old;
  }

  set(serial: number, address: number, frames: readonly Frame[]): void {
    this.#old.delete(serial, address);
    this.#young.set(serial, address, frames);
    if (this.#young.bytes <= this.#maxBytes / 2) return;
    this.#old = this.#young;
    this.#young = new Generation();
  }

  delete(serial: number, address: number): void {
    this.#young.delete(serial, address);
    this.#old.delete(serial, address);
  }

  /** Forgets all frames of these files, by their serials, so that they are looked up anew. */
  forget(serials: Iterable<number>): void {
    for (const serial of serials) {
      this.#young.forget(serial);
      this.#old.forget(serial);
    }
  }

  clear(): void {
    this.#young = new Generation();
    this.#old = new Generation();
  }
}

function bytesOf(frames: readonly Frame[]): number {
  let bytes = 0;
  for (const frame of frames) bytes += FRAME_BYTES + frame.function.length + frame.file.length;
  return bytes;
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
export function isOffset(frame: Frame): boolean {
  return symbolRank(frame) === RANK.none;
}
