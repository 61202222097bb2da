// SPDX-License-Identifier: Apache-2.0
/**
 * A BPF map of an object.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { lendBuffers } from "./batch_buffers.ts";
import { bpfError, check, checkPointer, ENOENT, ENOSPC } from "./errors.ts";
import type { Library } from "./library.ts";
import { MappedMemory } from "./mapped_memory.ts";

const BPF_ANY = 0n;
const BPF_EXIST = 2n;

/** A call on another thread is seen to have begun so often. */
const LOOK_MS = 1;

/** enum bpf_map_type: maps with a value for each possible CPU. */
const PER_CPU_TYPES: ReadonlySet<number> = new Set([5, 6, 10]);

/** Entries of a map: `count` keys and values, one after another. Valid until the function returns that is given them. */
export interface Entries {
  readonly count: number;
  /** `count` times the map's key size. */
  readonly keys: DataView<ArrayBuffer>;
  /** `count` times the map's value size. */
  readonly values: DataView<ArrayBuffer>;
}

export class BpfMap {
  readonly #library: Library;
  readonly #map: Deno.PointerObject;
  readonly #live: () => void;
  readonly #hold: () => Disposable;
  /** Holds what calls on other threads read, so that it stays where it is until they return. */
  readonly #lent = new Set<unknown>();
  readonly #waits = new Set<Promise<void>>();
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** A batch has room for so many entries; 0 before the first. */
  #batchEntries = 0;
  /** The descriptor stays the same from when the map is created on. */
  #fd: number | undefined;

  /** @param of the object; `live` throws when that is closed, `hold` keeps what it has until it is let go of */
  constructor(
    library: Library,
    of: { pointer: Deno.PointerObject; name: string; live: () => void; hold: () => Disposable },
  ) {
    this.#library = library;
    this.#map = of.pointer;
    this.#live = of.live;
    this.#hold = of.hold;
    this.name = of.name;
    this.keyBytes = library.bpf.bpf_map__key_size(of.pointer);
    this.valueBytes = library.bpf.bpf_map__value_size(of.pointer);
  }

  get maxEntries(): number {
    return this.#library.bpf.bpf_map__max_entries(this.#pointer);
  }

  /** Call before the object is loaded. */
  setMaxEntries(entries: number): void {
    check(
      this.#library,
      this.#library.bpf.bpf_map__set_max_entries(this.#pointer, entries),
      `set the size of the map '${this.name}' to ${entries}`,
    );
  }

  /** Does without the map, which no code that can be reached may use. Before the object is loaded. */
  leaveOut(): void {
    check(
      this.#library,
      this.#library.bpf.bpf_map__set_autocreate(this.#pointer, false),
      `leave out the map '${this.name}'`,
    );
  }

  /** Returns the memory of a section's variables before the object is loaded: writing to it sets them. */
  initialValue(): ArrayBuffer {
    const size = new BigUint64Array(1);
    const pointer = this.#pointer;
    const data = checkPointer(
      this.#library,
      () => this.#library.bpf.bpf_map__initial_value(pointer, size),
      `read the variables of '${this.name}'`,
    );
    return Deno.UnsafePointerView.getArrayBuffer(data, Number(size[0]!));
  }

  /** Returns the value of `key`; `undefined` when there is none. */
  lookup(key: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
    this.#checkSize("key", key.byteLength, this.keyBytes);
    const value = new Uint8Array(this.#isPerCpu ? this.#perCpuBytes * this.#cpus : this.valueBytes);
    const result = this.#library.bpf.bpf_map_lookup_elem(this.fd, key, value);
    if (result === -ENOENT) return undefined;
    check(this.#library, result, `look up in the map '${this.name}'`);
    return value;
  }

  /**
   * Reads the value of `key` into `value`, for which nothing is made, and says whether there is one; not of a map with a
   * value for each CPU.
   */
  lookupInto(key: ArrayBufferView<ArrayBuffer>, value: Uint8Array<ArrayBuffer>): boolean {
    this.#checkSize("key", key.byteLength, this.keyBytes);
    this.#checkSize("value", value.byteLength, this.valueBytes);
    const result = this.#library.bpf.bpf_map_lookup_elem(this.fd, key, value);
    if (result === -ENOENT) return false;
    check(this.#library, result, `look up in the map '${this.name}'`);
    return true;
  }

  /** Returns the sum over all CPUs of the 64-bit counter at `index` of a per-CPU array. */
  sum(index: number): number {
    return this.ofCpus(index).reduce((sum, count) => sum + count, 0);
  }

  /** Returns for each CPU the 64-bit counter at `index` of a per-CPU array. */
  ofCpus(index: number): number[] {
    const value = this.lookup(Uint32Array.of(index));
    if (!value) throw new RangeError(`Cannot read entry ${index} of the map '${this.name}': it has fewer`);
    const view = new DataView(value.buffer);
    return Array.from(
      { length: value.byteLength / this.#perCpuBytes },
      (_, cpu) => Number(view.getBigUint64(cpu * this.#perCpuBytes, true)),
    );
  }

  /** Sets the value of `key`. */
  update(key: ArrayBufferView<ArrayBuffer>, value: ArrayBufferView<ArrayBuffer>): void {
    this.#checkSize("key", key.byteLength, this.keyBytes);
    this.#checkSize("value", value.byteLength, this.valueBytes);
    check(
      this.#library,
      this.#library.bpf.bpf_map_update_elem(this.fd, key, value, BPF_ANY),
      `set a value in the map '${this.name}'`,
    );
  }

  /** Sets the value of `key` if it is there, and says whether it was. */
  replace(key: ArrayBufferView<ArrayBuffer>, value: ArrayBufferView<ArrayBuffer>): boolean {
    this.#checkSize("key", key.byteLength, this.keyBytes);
    this.#checkSize("value", value.byteLength, this.valueBytes);
    const result = this.#library.bpf.bpf_map_update_elem(this.fd, key, value, BPF_EXIST);
    if (result === -ENOENT) return false;
    check(this.#library, result, `set a value in the map '${this.name}'`);
    return true;
  }

  /** Takes `key` out, and says whether it was there. */
  delete(key: ArrayBufferView<ArrayBuffer>): boolean {
    this.#checkSize("key", key.byteLength, this.keyBytes);
    const result = this.#library.bpf.bpf_map_delete_elem(this.fd, key);
    if (result === -ENOENT) return false;
    check(this.#library, result, `delete from the map '${this.name}'`);
    return true;
  }

  /**
   * Puts `inner`, which must stay open meanwhile, at `index` of an array of maps, and waits until no program runs that
   * began before (maybe_wait_bpf_programs in kernel/bpf/syscall.c). That takes milliseconds, on a loaded machine
   * seconds, so another thread does it; the map stays until then, even if the object is closed.
   */
  setInner(index: number, inner: { readonly fd: number }): Promise<void> {
    const wait = this.#setInner(index, inner);
    this.#waits.add(wait);
    wait.catch(() => {}).finally(() => this.#waits.delete(wait));
    return wait;
  }

  async #setInner(index: number, inner: { readonly fd: number }): Promise<void> {
    const lent = { key: Uint32Array.of(index), value: Int32Array.of(inner.fd) };
    using _hold = this.#hold();
    this.#lent.add(lent);
    try {
      // libbpf returns the error, as errno is that of the other thread.
      const { key, value } = lent;
      const result = await this.#library.bpf.bpf_map_update_elem_waiting(this.fd, key, value, BPF_ANY);
      check(this.#library, result, `set a value in the map '${this.name}'`);
    } finally {
      this.#lent.delete(lent);
    }
  }

  /**
   * Puts another map than the one that is there at `index` of an array of maps, and returns when programs find it: those
   * that run may still have what was there before. The call itself waits for them, see {@linkcode settled}.
   */
  async putInner(index: number, inner: { readonly fd: number }): Promise<void> {
    const key = Uint32Array.of(index);
    const idOf = () => new Uint32Array(this.lookup(key)?.buffer ?? new ArrayBuffer(4))[0];
    const before = idOf();
    const wait = this.setInner(index, inner);
    let isOver = false;
    wait.catch(() => {}).finally(() => isOver = true);
    // The kernel puts it there before it waits.
    while (!isOver && idOf() === before) await delay(LOOK_MS);
    if (isOver) await wait;
  }

  /** Waits until no call waits for programs. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#waits);
  }

  /** Call before the object is loaded: uses a map that is there already, of the same type and sizes. */
  share(other: { readonly fd: number }): void {
    check(
      this.#library,
      this.#library.bpf.bpf_map__reuse_fd(this.#pointer, other.fd),
      `use another object's map for '${this.name}'`,
    );
  }

  /** Returns the values of an array that was made to be mapped (BPF_F_MMAPABLE). */
  mapMemory(): MappedMemory {
    const bytes = this.maxEntries * this.#perCpuBytes;
    return MappedMemory.of(this.#library, { fd: this.fd, bytes, what: `the map '${this.name}'` });
  }

  /**
   * Takes all entries out of a hash map, batch by batch. Nobody may add entries meanwhile.
   *
   * Linux has the call since 5.6. It takes whole buckets only, and says ENOSPC when one has more entries than the
   * buffers hold.
   *
   * @param take called for each batch, and done with it when it returns
   */
  drain(
    take: (entries: Entries) => void,
    { batchEntries = 1024 }: {
      /** The first buffers of this map hold this many entries. @default {1024} */
      batchEntries?: number;
    } = {},
  ): void {
    this.#batches("bpf_map_lookup_and_delete_batch", take, batchEntries);
  }

  /**
   * Gives all entries of a hash map, batch by batch, which stay in it; what comes or goes meanwhile may be there or
   * not.
   */
  read(take: (entries: Entries) => void): void {
    this.#batches("bpf_map_lookup_batch", take, 1024);
  }

  #batches(
    call: "bpf_map_lookup_batch" | "bpf_map_lookup_and_delete_batch",
    take: (entries: Entries) => void,
    batchEntries: number,
  ): void {
    let position = null;
    for (;;) {
      const entries = this.#batchEntries ||= batchEntries;
      using batch = lendBuffers(entries * this.keyBytes, entries * this.valueBytes);
      const next = new Uint8Array(Math.max(this.keyBytes, 4));
      const count = Uint32Array.of(entries);
      const result = this.#library.bpf[call](
        this.fd,
        position,
        next,
        batch.keys,
        batch.values,
        count,
        null,
      );
      if (result === -ENOSPC && entries < this.maxEntries) {
        this.#batchEntries = entries * 2;
        continue;
      }
      if (result < 0 && result !== -ENOENT) {
        throw bpfError(this.#library, { doing: `read the map '${this.name}'`, errno: -result });
      }
      if (count[0]! > 0) take(view(batch, count[0]!, this));
      if (result === -ENOENT) return;
      position = next;
    }
  }

  /** Returns what the map uses of the kernel's memory, as the kernel accounts it, in bytes. */
  memoryBytes(): number {
    const info = Deno.readTextFileSync(`/proc/self/fdinfo/${this.fd}`);
    return Number(/^memlock:\s*(\d+)$/m.exec(info)?.[1] ?? 0);
  }

  get #pointer(): Deno.PointerObject {
    this.#live();
    return this.#map;
  }

  /** Is the descriptor of the map itself, once it is created. */
  get fd(): number {
    const pointer = this.#pointer;
    return this.#fd ??= check(
      this.#library,
      this.#library.bpf.bpf_map__fd(pointer),
      `use the map '${this.name}'`,
    );
  }

  get #isPerCpu(): boolean {
    return PER_CPU_TYPES.has(this.#library.bpf.bpf_map__type(this.#pointer));
  }

  get #perCpuBytes(): number {
    return Math.ceil(this.valueBytes / 8) * 8;
  }

  get #cpus(): number {
    return check(this.#library, this.#library.bpf.libbpf_num_possible_cpus(), "count the CPUs");
  }

  #checkSize(what: string, actual: number, wanted: number): void {
    if (actual !== wanted) {
      throw new RangeError(
        `Cannot use a ${what} of ${actual} bytes in the map '${this.name}': it has ${wanted}`,
      );
    }
  }
}

function view(
  { keys, values }: { keys: ArrayBuffer; values: ArrayBuffer },
  count: number,
  { keyBytes, valueBytes }: BpfMap,
): Entries {
  return {
    count,
    keys: new DataView(keys, 0, count * keyBytes),
    values: new DataView(values, 0, count * valueBytes),
  };
}
