// SPDX-License-Identifier: Apache-2.0
/**
 * Reads all names that an ELF file has for its code: debug information, and the symbol table where that says nothing.
 *
 * @module
 */

import { RANK, type Rank } from "../profile/model.ts";
import { buildSymbolImage } from "./build_symbol_image.ts";
import { memorySource } from "./elf/byte_source.ts";
import { codeRanges } from "./libdw/code_ranges.ts";
import type { SourceFrame } from "./libdw/dwarf.ts";
import { type Dwarf, DwarfFile } from "./libdw/dwarf_file.ts";
import { type Libdw, LibdwError } from "./libdw/libdw.ts";
import type { Demangler } from "./names/demangle.ts";
import { hasDebugInfo, packDebugInfo } from "./pack.ts";
import { ascending } from "./ranges.ts";
import { SymbolImage } from "./symbol_image.ts";

/** Is code with its names, which are demangled. */
export interface NamedRange {
  readonly start: number;
  readonly end: number;
  readonly rank: Rank;
  /** The innermost of the inlined functions comes first. */
  readonly frames: readonly SourceFrame[];
}

export interface NamedRangesOptions {
  readonly libdw: Libdw;
  readonly dwarf: Dwarf;
  readonly demangler: Demangler;
  /** Debug information may take so many bytes, once it is unpacked. */
  readonly limit: number;
}

/** Names that are remembered with what they are demangled to. */
const MAX_CACHED = 200_000;

/**
 * Yields the ranges of the file `image`. A function's own name is that of the symbol table where it has one, as agents
 * have it; names of inlined functions are in debug information alone.
 *
 * @throws {LibdwError} when the file is damaged, or larger than `limit`
 * @throws {TooMuchError}
 */
export function* namedRanges(
  image: Uint8Array<ArrayBuffer>,
  { libdw, dwarf, demangler, limit }: NamedRangesOptions,
): Generator<NamedRange> {
  const symbols = SymbolImage.of(buildSymbolImage({ tables: libdw.imageSymbols(image) }))!;
  const demangled = remembering((name) => demangler.name(name));
  const declared = remembering((name) => demangler.declared(name));
  const source = memorySource(image);
  const covered: { start: number[]; end: number[] } = { start: [], end: [] };
  if (hasDebugInfo(source)) {
    const packed = packDebugInfo(source, limit);
    if (packed === undefined) {
      throw new LibdwError(`Cannot read debug information of more than ${limit} bytes, or that is not whole`);
    }
    using file = new DwarfFile(dwarf, packed.image);
    for (const { start, end, frames } of codeRanges(file)) {
      const symbol = symbols.find(start);
      const named = frames.map((frame, i) => {
        const own = i === frames.length - 1 && symbol !== undefined;
        return { ...frame, function: own ? demangled(symbol) : declared(frame.function) };
      });
      // Of code without a function the line alone is no name.
      if (named.some((frame) => frame.function === "")) continue;
      covered.start.push(start);
      covered.end.push(end);
      yield { start, end, rank: RANK.debug, frames: named };
    }
  }
  yield* symbolRanges(symbols, { covered, demangled });
}

/** Yields what the symbol table alone has names for. */
function* symbolRanges(
  symbols: SymbolImage,
  { covered, demangled }: {
    covered: { start: number[]; end: number[] };
    demangled: (name: string) => string;
  },
): Generator<NamedRange> {
  const order = ascending(covered.start);
  const rank = symbols.whole ? RANK.symbols : RANK.dynamic;
  let next = 0;
  for (const [start, end, name] of functionsOf(symbols)) {
    const frames = [{ function: demangled(name), startLine: 0, file: "", line: 0 }];
    let at = start;
    while (next < order.length && covered.end[order[next]!]! <= at) next++;
    for (let i = next; at < end; i++) {
      const from = i < order.length ? covered.start[order[i]!]! : Infinity;
      if (from > at) yield { start: at, end: Math.min(end, from), rank, frames };
      if (from >= end) break;
      at = Math.max(at, covered.end[order[i]!]!);
    }
  }
}

function functionsOf(symbols: SymbolImage): [start: number, end: number, name: string][] {
  const all: [number, number, string][] = [];
  symbols.each((start, end, name) => all.push([start, end, name]));
  return all;
}

function remembering(make: (name: string) => string): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    let made = known.get(name);
    if (made === undefined) {
      if (known.size >= MAX_CACHED) known.clear();
      known.set(name, made = name === "" ? "" : make(name));
    }
    return made;
  };
}
