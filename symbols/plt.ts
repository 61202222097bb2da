// SPDX-License-Identifier: Apache-2.0
/**
 * The stubs through which a file calls functions of others: the procedure linkage table, whose entries have no symbols.
 *
 * Each stub jumps to where a slot of the global offset table says, and a relocation says which function's address is
 * put
 * into that slot (System V ABI, AMD64 supplement, 5.2; `R_X86_64_*`). They are called as binutils calls them.
 *
 * @module
 */

import { u64 } from "../common/u64.ts";
import type { ByteSource } from "./elf/byte_source.ts";
import { readSections, type Section, sectionBytes, SHT_NOBITS, textAt, viewOf } from "./elf/sections.ts";

export interface Stub {
  /** The address is the file's own. */
  readonly address: number;
  readonly size: number;
  /** `puts@plt`; `*ABS*+0x1234@plt` where only the address of what chooses the function is known (IFUNC). */
  readonly name: string;
}

export interface Plt {
  readonly stubs: readonly Stub[];
  /** Tables that are not whole, make no sense or are too large, and stubs that miss for it. */
  readonly skipped: number;
}

const SHT_RELA = 4;
const SHF_ALLOC = 2;
const R_X86_64_JUMP_SLOT = 7;
const EM_X86_64 = 62;
/** Lazy, with `-z now`, and with IBT (`-fcf-protection`) or MPX; elsewhere the first is all there is. */
const STUBS = /^\.plt(\.got|\.sec|\.bnd)?$/;
const RELA_BYTES = 24;
const SYMBOL_BYTES = 24;
/** A table of more is not read; the largest real ones have some ten MiB. */
const MAX_BYTES = 64 << 20;
/** No more tables of relocations are read; real files have two or three. */
const MAX_TABLES = 4;
/** All sections of stubs together may have so many bytes that a file may call a quarter of a million functions. */
const MAX_STUB_BYTES = 4 << 20;
const CHUNK_BYTES = 43_690 * RELA_BYTES;
const MAX_NAME = 4096;
/** The names of one table may have so many characters in all, as they may all be the same long text. */
const MAX_NAMES = 16 << 20;

/** A stub before its function is known. */
interface Jump {
  readonly address: number;
  readonly size: number;
}

/** Finds the stubs of an x86-64 file; none in others, and where there are no section headers. */
export function readPlt(source: ByteSource): Plt {
  const header = source.read(0, 20);
  if (header.length < 20 || header[4] !== 2 || viewOf(header).getUint16(18, true) !== EM_X86_64) {
    return { stubs: [], skipped: 0 };
  }
  const sections = readSections(source);
  let skipped = 0;
  /** Stubs are found by the slot that they read. */
  const jumps = new Map<number, Jump[]>();
  let stubBytes = 0;
  for (const section of sections.filter(({ name }) => STUBS.test(name))) {
    stubBytes += section.size;
    const code = stubBytes > MAX_STUB_BYTES ? undefined : sectionBytes(source, section);
    if (code) addJumps(jumps, section.address, code);
    else if (section.type !== SHT_NOBITS) skipped++;
  }
  const stubs: Stub[] = [];
  // That of the stubs first: in most files no other is needed, which may be large.
  const tables = sections.filter(({ type, flags }) => type === SHT_RELA && (flags & SHF_ALLOC) !== 0)
    .sort((a, b) => Number(b.name === ".rela.plt") - Number(a.name === ".rela.plt"));
  for (const [i, table] of tables.entries()) {
    if (jumps.size === 0) break;
    if (i >= MAX_TABLES) skipped++;
    else skipped += addStubs(stubs, jumps, new Relocations(source, table, sections));
  }
  return { stubs, skipped };
}

function addJumps(jumps: Map<number, Jump[]>, start: number, code: Uint8Array<ArrayBuffer>): void {
  const size = code.length >= 8 && code[0] === 0xff && code[1] === 0x25 && code[6] === 0x66 ? 8 : 16;
  const view = viewOf(code);
  for (let at = 0; at + size <= code.length; at += size) {
    let next = at;
    if (size === 16 && view.getUint32(at, true) === 0xfa1e0ff3) next += 4; // endbr64
    if (code[next] === 0xf2) next++; // bnd
    if (code[next] !== 0xff || code[next + 1] !== 0x25) continue; // jmp *displacement(%rip)
    const slot = start + next + 6 + view.getInt32(next + 2, true);
    const jump = { address: start + at, size };
    const known = jumps.get(slot);
    if (known) known.push(jump);
    else jumps.set(slot, [jump]);
  }
}

/** Takes those out of `jumps` whose function a table knows. */
function addStubs(stubs: Stub[], jumps: Map<number, Jump[]>, relocations: Relocations): number {
  let skipped = 0;
  const whole = relocations.each((slot, symbol, addend) => {
    const found = jumps.get(slot);
    if (found === undefined) return;
    const name = relocations.nameOf(symbol);
    if (name === undefined) return void skipped++;
    jumps.delete(slot);
    const offset = addend === 0n ? "" : `+0x${BigInt.asUintN(64, addend).toString(16)}`;
    for (const jump of found) stubs.push({ ...jump, name: `${name}${offset}@plt` });
  });
  return whole ? skipped : skipped + 1;
}

/** A table of relocations, and the symbols that they are of. */
class Relocations {
  readonly #source: ByteSource;
  readonly #table: Section;
  readonly #sections: readonly Section[];
  #namesLeft = MAX_NAMES;
  #symbols: { entries: Uint8Array<ArrayBuffer>; names: Uint8Array<ArrayBuffer> } | undefined | null;

  constructor(source: ByteSource, table: Section, sections: readonly Section[]) {
    this.#source = source;
    this.#table = table;
    this.#sections = sections;
  }

  /** @returns whether the table is whole */
  each(visit: (slot: number, symbol: number, addend: bigint) => void): boolean {
    const { entry, offset, size } = this.#table;
    if (entry !== RELA_BYTES || size > MAX_BYTES || size % RELA_BYTES !== 0) return false;
    if (offset + size > this.#source.size) return false;
    for (let done = 0; done < size; done += CHUNK_BYTES) {
      const bytes = this.#source.read(offset + done, Math.min(CHUNK_BYTES, size - done));
      const view = viewOf(bytes);
      for (let at = 0; at + RELA_BYTES <= bytes.length; at += RELA_BYTES) {
        // r_offset, r_info (the symbol in its upper half, the type in its lower one), r_addend
        const isJump = view.getUint32(at + 8, true) === R_X86_64_JUMP_SLOT;
        // Its addend is no part of the function: linkers put the stub's address there (`-z mark-plt`).
        const addend = isJump ? 0n : view.getBigInt64(at + 16, true);
        visit(u64(view, at), view.getUint32(at + 12, true), addend);
      }
    }
    return true;
  }

  /** Returns `undefined` when there is no such symbol, or it has no name. */
  nameOf(symbol: number): string | undefined {
    if (symbol === 0) return "*ABS*";
    const symbols = this.#symbols === undefined ? this.#symbols = this.#read() : this.#symbols;
    if (!symbols || (symbol + 1) * SYMBOL_BYTES > symbols.entries.length) return undefined;
    const from = viewOf(symbols.entries).getUint32(symbol * SYMBOL_BYTES, true);
    if (from >= symbols.names.length) return undefined;
    const name = textAt(symbols.names.subarray(from, from + Math.min(MAX_NAME, this.#namesLeft)), 0);
    this.#namesLeft -= name.length;
    return name || undefined;
  }

  #read() {
    const table = this.#sections[this.#table.link];
    const texts = table && this.#sections[table.link];
    if (!texts || table.size > MAX_BYTES || texts.size > MAX_BYTES) return null;
    const entries = sectionBytes(this.#source, table);
    const names = sectionBytes(this.#source, texts);
    return entries && names ? { entries, names } : null;
  }
}
