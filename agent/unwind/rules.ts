// SPDX-License-Identifier: Apache-2.0
/**
 * Unwind rules: how to get from one frame to its caller, in 16 bytes that the kernel reads as they are.
 *
 * ```c
 * struct aperture_rule {
 *   __u8 cfa;           // low nibble CFA_*, high nibble a DWARF register number
 *   __u8 frame_pointer; // low nibble SAVED_*, high nibble a register: the caller's frame pointer
 *   __u8 return_address; // the same, for the return address
 *   __u8 flags;         // RULE_*
 *   __s32 cfa_offset;
 *   __s32 frame_pointer_offset;
 *   __s16 return_address_offset;
 *   __s16 cfa_add;
 * };
 * ```
 *
 * The caller's stack pointer is the CFA.
 *
 * @module
 */

/** Nothing is known here: no function's unwind information covers the address. */
export const CFA_NONE = 0;
/** A function is here whose rule cannot be expressed. */
export const CFA_UNKNOWN = 1;
/** register + offset */
export const CFA_REGISTER = 2;
/** *(register + offset) + add */
export const CFA_DEREF = 3;
/** *(stack pointer + offset + 8 × register) + add: bignum code of OpenSSL */
export const CFA_INDEXED = 4;
/** stack pointer + offset + ((pc & 15) >= add ? 8 : 0): the lazy binding stubs of a linker */
export const CFA_PLT = 5;
/**
 * *(current goroutine + 56) + add, which is how Go's runtime left the goroutine's stack for the thread's; stack pointer +
 * 8 × (register + 1) while it is still, or again, on the goroutine's. The current goroutine is
 * *(*(g + 48) + frame pointer's offset), g is *(thread pointer + offset).
 */
export const CFA_GO_STACK = 6;

/** The register still holds the caller's value. */
export const SAVED_SAME = 0;
/** *(CFA + offset) */
export const SAVED_AT_CFA = 1;
/** *(register + offset), with this frame's registers */
export const SAVED_AT_REGISTER = 2;
/** It cannot be recovered; a return address that is undefined is the end of the stack. */
export const SAVED_UNDEFINED = 3;
/** register + offset, with this frame's registers */
export const SAVED_IN_REGISTER = 4;
/** CFA + offset */
export const SAVED_IS_CFA = 5;

/** The caller was interrupted by a signal: its pc is exact, not a return address. */
export const RULE_SIGNAL = 1;
/** It was derived from the code, and holds only where a call precedes the return address. */
export const RULE_DERIVED = 2;
/** It is that of Go's scheduler: what it was called for has been put aside, and is not what the thread works for. */
export const RULE_SCHEDULER = 4;
/** Nothing called it: it was put between the caller and the instruction where that stood. The caller's pc is exact. */
export const RULE_INJECTED = 8;
/** The caller's frame may be on another stack, which may lie anywhere, and no call need have put the return there. */
export const RULE_OTHER_STACK = 16;
/** The thread waits for the goroutine that it belongs to: the scheduler that does so looks for no other. */
export const RULE_WAITS_FOR_OWN = 32;

/** The two rules that every set starts with. */
export const RULE_NONE = 0;
export const RULE_UNKNOWN = 1;

export const RULE_BYTES = 16;
/** A rule has so many words in {@linkcode RuleSet.toArray}. */
export const RULE_WORDS = RULE_BYTES / 4;
/** A row holds its rule in 16 bits. */
export const MAX_RULES = 65_536;

/** A rule taken apart; offsets are in bytes, registers are DWARF numbers. */
export interface Rule {
  readonly cfa: number;
  readonly cfaRegister: number;
  readonly cfaOffset: number;
  readonly cfaAdd: number;
  readonly framePointer: number;
  readonly framePointerRegister: number;
  readonly framePointerOffset: number;
  readonly returnAddress: number;
  readonly returnAddressRegister: number;
  readonly returnAddressOffset: number;
  readonly signal: boolean;
  readonly derived: boolean;
}

/**
 * Rules, each kept once and known by its index. A file's table has its own set; the one set that the kernel
 * reads is another, which takes in the rules of all files with {@linkcode RuleSet.add}.
 */
export class RuleSet {
  #words = new Int32Array(64 * RULE_WORDS);
  #count = 0;
  /** Open addressing; a slot holds index + 1, 0 is free. */
  #slots = new Int32Array(128);

  readonly #capacity: number;

  constructor({ capacity = MAX_RULES }: {
    /** It takes in so many rules. @default {65536} */
    capacity?: number;
  } = {}) {
    this.#capacity = capacity;
    this.intern(CFA_NONE, 0, 0, 0);
    this.intern(CFA_UNKNOWN, 0, 0, 0);
  }

  get size(): number {
    return this.#count;
  }

  /**
   * Returns the index of the rule whose four little-endian words these are, or -1 when it is new and the set is full.
   */
  intern(w0: number, w1: number, w2: number, w3: number): number {
    let slot = this.#slot(w0, w1, w2, w3);
    const found = this.#slots[slot]!;
    if (found !== 0) return found - 1;
    if (this.#count === this.#capacity) return -1;
    if (this.#count * 2 >= this.#slots.length) {
      this.#grow();
      slot = this.#slot(w0, w1, w2, w3);
    }
    const at = this.#count * RULE_WORDS;
    this.#words[at] = w0;
    this.#words[at + 1] = w1;
    this.#words[at + 2] = w2;
    this.#words[at + 3] = w3;
    this.#slots[slot] = ++this.#count;
    return this.#count - 1;
  }

  /** Takes in rule `index` of another set's {@linkcode RuleSet.toArray}; the index here, as `intern` gives it. */
  add(rules: Int32Array, index: number): number {
    const at = index * RULE_WORDS;
    return this.intern(rules[at]!, rules[at + 1]!, rules[at + 2]!, rules[at + 3]!);
  }

  /** Returns all rules, four words each: on a little-endian machine the bytes of `struct aperture_rule[]`. */
  toArray(): Int32Array {
    return this.#words.slice(0, this.#count * RULE_WORDS);
  }

  /** Returns the slot that holds these words, or the free one where they belong. */
  #slot(w0: number, w1: number, w2: number, w3: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul(w0, 0x9e3779b1) ^ Math.imul(w1, 0x85ebca6b) ^ Math.imul(w2, 0xc2b2ae35) ^
      Math.imul(w3, 0x27d4eb2f);
    hash ^= hash >>> 15;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const index = this.#slots[slot]!;
      if (index === 0) return slot;
      const at = (index - 1) * RULE_WORDS;
      const words = this.#words;
      if (words[at] === w0 && words[at + 1] === w1 && words[at + 2] === w2 && words[at + 3] === w3) {
        return slot;
      }
    }
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let i = 0; i < this.#count; i++) {
      const at = i * RULE_WORDS;
      this.#slots[this.#slot(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)] = i + 1;
    }
  }
}

/** Returns rule `index` of `rules`, taken apart. */
export function ruleOf(rules: Int32Array, index: number): Rule {
  const at = index * RULE_WORDS;
  const w0 = rules[at]!;
  const w3 = rules[at + 3]!;
  return {
    cfa: w0 & 15,
    cfaRegister: w0 >> 4 & 15,
    cfaOffset: rules[at + 1]!,
    cfaAdd: w3 >> 16,
    framePointer: w0 >> 8 & 15,
    framePointerRegister: w0 >> 12 & 15,
    framePointerOffset: rules[at + 2]!,
    returnAddress: w0 >> 16 & 15,
    returnAddressRegister: w0 >> 20 & 15,
    returnAddressOffset: w3 << 16 >> 16,
    signal: (w0 >>> 24 & RULE_SIGNAL) !== 0,
    derived: (w0 >>> 24 & RULE_DERIVED) !== 0,
  };
}
