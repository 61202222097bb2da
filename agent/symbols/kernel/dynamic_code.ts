// SPDX-License-Identifier: Apache-2.0
/**
 * Code that the kernel makes while it runs, by address: BPF programs, trampolines, pages for probes.
 *
 * @module
 */

import type { KsymbolChange } from "../../libbpf/mod.ts";
import type { DynamicSymbol } from "./kallsyms.ts";

/** A piece can be this long where nobody said: kallsyms tells where one begins, not where it ends. */
const MAX_BYTES = 1 << 20;

interface Piece extends DynamicSymbol {
  readonly end: number;
  /** The window in which it went; samples of it may still come. */
  goneIn?: number;
}

/** Knows what is there now, and what went a moment ago. */
export class DynamicCode {
  /** They are in ascending order of address. */
  #pieces: Piece[] = [];
  #window = 0;

  get size(): number {
    return this.#pieces.length;
  }

  /** Takes these for all that there is. */
  replace(symbols: readonly DynamicSymbol[]): void {
    this.#pieces = symbols.map((symbol) => ({ ...symbol, end: symbol.address + MAX_BYTES }))
      .sort((a, b) => a.address - b.address);
  }

  /** Takes in what came or went. */
  apply({ address, bytes, name, module, came }: KsymbolChange): void {
    if (came) return this.#put({ address, name, module, end: address + bytes });
    const piece = this.#pieces[this.#after(address) - 1];
    if (piece?.address === address) piece.goneIn = this.#window;
  }

  /** Forgets what went before the window that ends now: no sample of it can come any more. */
  endWindow(): void {
    this.#pieces = this.#pieces.filter(({ goneIn = this.#window }) => goneIn === this.#window);
    this.#window++;
  }

  /** Returns the piece that has `address`. */
  find(address: number): DynamicSymbol | undefined {
    const piece = this.#pieces[this.#after(address) - 1];
    return piece && address < piece.end ? piece : undefined;
  }

  /** Puts it in place of what went and began there, which would hide a part of it. */
  #put(piece: Piece): void {
    const after = this.#after(piece.address);
    const from = this.#pieces[after - 1]?.address === piece.address ? after - 1 : after;
    let to = after;
    for (; to < this.#pieces.length; to++) {
      const { address, goneIn } = this.#pieces[to]!;
      if (goneIn === undefined || address >= piece.end) break;
    }
    this.#pieces.splice(from, to - from, piece);
  }

  /** Returns how many begin at or before `address`. */
  #after(address: number): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pieces[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
