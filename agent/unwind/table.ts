// SPDX-License-Identifier: Apache-2.0
/**
 * A file's unwind table: rows of {address, rule} in 64 KiB pages, in the form that the kernel searches.
 *
 * ```c
 * struct aperture_row { __u16 low; __u16 rule; };
 * ```
 *
 * A row's rule holds from its address to the next row's; what lies between two functions has rows of rule
 * {@linkcode RULE_NONE}. The first row of each page has `low` 0 (it repeats the rule that comes over from
 * the page before), so a search within one page always finds a row and no other page is ever needed. Pages
 * of rule {@linkcode RULE_NONE} alone are left out.
 *
 * Addresses are those that the file's own program headers give (`p_vaddr`).
 *
 * @module
 */

import { RULE_NONE } from "./rules.ts";

export const PAGE_BYTES = 65_536;
export const ROW_BYTES = 4;
/** Steps that find a row among the most that a page can hold, 65,536. */
const MAX_SEARCH_STEPS = 16;

export interface UnwindTable {
  /** `low | rule << 16`, page after page, ascending within each: the bytes of `struct aperture_row[]`. */
  readonly rows: Uint32Array;
  /** The pages that there are, as address / 65,536, ascending. */
  readonly pages: Uint32Array;
  /** Page `i` has the rows from `first[i]` up to, not including, `first[i + 1]`. */
  readonly first: Uint32Array;
  /** The rules that rows refer to, as `RuleSet.toArray` gives them. */
  readonly rules: Int32Array;
}

/** Collects rows in ascending order of address. Memory is the rows' own: nothing is allocated for one. */
export class TableBuilder {
  #rows = new Uint32Array(1024);
  #rowCount = 0;
  #pages = new Uint32Array(16);
  #first = new Uint32Array(16);
  #pageCount = 0;
  readonly #from: number;
  /** The page that rows go to, the one before all others before the first. */
  #page: number;
  #rule = RULE_NONE;

  /**
   * @param options.fromPage no page before this one is wanted: of addresses before it only the rule in force is.
   * @default {0}
   */
  constructor({ fromPage = 0 }: { fromPage?: number } = {}) {
    this.#from = fromPage * PAGE_BYTES;
    this.#page = fromPage - 1;
  }

  /** Sets the rule that holds from `address` on. Addresses must not descend, nor may one be set twice. */
  set(address: number, rule: number): void {
    if (rule === this.#rule) return;
    if (address < this.#from) {
      this.#rule = rule;
      return;
    }
    const page = Math.floor(address / PAGE_BYTES);
    const low = address - page * PAGE_BYTES;
    if (page !== this.#page) this.#turnTo(page, low, rule);
    if (rule !== RULE_NONE || this.#page === page) this.#push(low, rule);
    this.#rule = rule;
  }

  /** Returns the table, without rows after the last; the builder is of no use afterwards. */
  finish(rules: Int32Array): UnwindTable {
    const first = new Uint32Array(this.#pageCount + 1);
    first.set(this.#first.subarray(0, this.#pageCount));
    first[this.#pageCount] = this.#rowCount;
    return {
      rows: this.#rows.slice(0, this.#rowCount),
      pages: this.#pages.slice(0, this.#pageCount),
      first,
      rules,
    };
  }

  /** Carries the rule in force through the pages before `page`, and into it where its start has no own row. */
  #turnTo(page: number, low: number, rule: number): void {
    if (this.#rule !== RULE_NONE) {
      for (let p = this.#page + 1; p < page; p++) {
        this.#open(p);
        this.#push(0, this.#rule);
      }
    }
    if (low === 0 && rule === RULE_NONE) return;
    this.#open(page);
    if (low !== 0) this.#push(0, this.#rule);
  }

  #open(page: number): void {
    if (this.#pageCount === this.#pages.length) {
      this.#pages = grown(this.#pages);
      this.#first = grown(this.#first);
    }
    this.#pages[this.#pageCount] = page;
    this.#first[this.#pageCount++] = this.#rowCount;
    this.#page = page;
  }

  #push(low: number, rule: number): void {
    if (this.#rowCount === this.#rows.length) this.#rows = grown(this.#rows);
    this.#rows[this.#rowCount++] = (low | rule << 16) >>> 0;
  }
}

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

/**
 * Returns the index of the rule that holds at `address`: the search that the kernel makes, step for step.
 *
 * @param address as the file's program headers count
 */
export function ruleAt(table: UnwindTable, address: number): number {
  const page = pageRow(table.pages, Math.floor(address / PAGE_BYTES));
  if (page === undefined) return RULE_NONE;
  const low = address % PAGE_BYTES;
  let at = table.first[page]!;
  let count = table.first[page + 1]! - at;
  for (let step = 0; step < MAX_SEARCH_STEPS && count > 1; step++) {
    const half = count >> 1;
    if ((table.rows[at + half]! & 0xffff) <= low) at += half;
    count -= half;
  }
  return table.rows[at]! >>> 16;
}

/** Returns the index of `page` in `pages`. The kernel has a hash map for this. */
function pageRow(pages: Uint32Array, page: number): number | undefined {
  let from = 0;
  let to = pages.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (pages[middle]! < page) from = middle + 1;
    else to = middle;
  }
  return pages[from] === page ? from : undefined;
}

/** Returns what `table` takes in memory, without the rules, in bytes. */
export function tableBytes({ rows, pages, first }: UnwindTable): number {
  return rows.byteLength + pages.byteLength + first.byteLength;
}
