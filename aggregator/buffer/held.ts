// SPDX-License-Identifier: Apache-2.0
/**
 * Knows which batches the staging buffer holds, and how much room is left.
 *
 * @module
 */

import type { Head } from "./entry.ts";

/** The buffer has no room; the batch stays with the agent. */
export class BufferFullError extends Error {
  override name = "BufferFullError";
}

/** From this share of its capacity on the buffer asks agents to send less. */
const BACKPRESSURE = 0.8;

/**
 * So many bytes of batches are held in memory, too, the oldest ones', which go to storage next: a group's worth. To
 * read them again takes the store as long as to write them, and pushes wait for it.
 */
export const READY_BYTES = 2 ** 25;

/** Holds the heads of batches that are staged, in the order of their ids, and counts those that are on their way. */
export class Held {
  /** Is in batches. */
  readonly capacity: number;
  readonly capacityBytes: number;
  readonly #heads = new Map<number, Head>();
  /** Sums the bytes of heads. */
  #bytes = 0;
  readonly #ready = new Map<number, Uint8Array<ArrayBuffer>>();
  /** Sums their bytes. */
  #readyBytes = 0;
  /** Counts what is being staged, so that the capacity holds for concurrent pushes. */
  #arriving = { batches: 0, bytes: 0 };

  constructor({ capacity, capacityBytes }: { readonly capacity: number; readonly capacityBytes: number }) {
    this.capacity = capacity;
    this.capacityBytes = capacityBytes;
  }

  /** Counts the staged batches. */
  get size(): number {
    return this.#heads.size;
  }

  /** Counts the staged batches, with those being staged. */
  get batches(): number {
    return this.#heads.size + this.#arriving.batches;
  }

  /** Sums the bytes of the same. */
  get bytes(): number {
    return this.#bytes + this.#arriving.bytes;
  }

  /** Is true when there is nothing, and nothing on its way. */
  get isEmpty(): boolean {
    return this.batches === 0;
  }

  /** Is true when it is nearly full. */
  get isTight(): boolean {
    return this.batches >= BACKPRESSURE * this.capacity || this.bytes >= BACKPRESSURE * this.capacityBytes;
  }

  /** Gives the staged ones, the oldest first. */
  heads(): MapIterator<Head> {
    return this.#heads.values();
  }

  get(id: number): Head | undefined {
    return this.#heads.get(id);
  }

  add(head: Head): void {
    if (!this.#heads.has(head.id)) this.#bytes += head.size;
    this.#heads.set(head.id, head);
  }

  /** Adds a batch with a copy of its bytes, where there is room for that. */
  addReady(head: Head, bytes: Uint8Array): void {
    this.add(head);
    if (this.#readyBytes + bytes.length > READY_BYTES) return;
    // What arrived may be a part of something larger.
    this.#ready.set(head.id, new Uint8Array(bytes));
    this.#readyBytes += bytes.length;
  }

  /** Hands the bytes of a batch over, once; `undefined` where they must be read. */
  takeReady(id: number): Uint8Array<ArrayBuffer> | undefined {
    const bytes = this.#ready.get(id);
    if (bytes && this.#ready.delete(id)) this.#readyBytes -= bytes.length;
    return bytes;
  }

  remove(id: number): void {
    const head = this.#heads.get(id);
    if (head && this.#heads.delete(id)) this.#bytes -= head.size;
    this.takeReady(id);
  }

  /** Forgets the staged ones. */
  clear(): void {
    this.#heads.clear();
    this.#bytes = 0;
    this.#ready.clear();
    this.#readyBytes = 0;
  }

  /**
   * Counts a batch of `size` bytes as being staged, until it is disposed of.
   *
   * @throws {BufferFullError}
   */
  reserve(size: number): Disposable {
    if (this.batches + 1 > this.capacity) {
      throw new BufferFullError(
        `Cannot stage a batch as the buffer is full: it holds ${this.batches} batches`,
      );
    }
    if (this.bytes + size > this.capacityBytes) {
      throw new BufferFullError(
        `Cannot stage a batch of ${size} bytes as the buffer is full: ` +
          `it holds ${this.bytes} of ${this.capacityBytes} bytes`,
      );
    }
    this.#arriving.batches++;
    this.#arriving.bytes += size;
    return {
      [Symbol.dispose]: () => {
        this.#arriving.batches--;
        this.#arriving.bytes -= size;
      },
    };
  }
}
