// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the part of a function that its compiler put elsewhere, as it is seldom run: in a stripped file it has no name
 * of its own. That is looked for where much depends on it: CPython's loop, of which nearly all may be there.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import type { ElfInfo } from "../../symbols/elf/elf.ts";
import type { RawSymbols } from "../../symbols/build_symbol_image.ts";
import type { Stub } from "../../symbols/plt.ts";
import { u64 } from "../../common/u64.ts";
import type { CodeRange } from "../unwind/code_range.ts";
import type { SearchTable } from "../unwind/search_table.ts";

/** Functions whose other part is looked for. */
const WANTED = ["_PyEval_EvalFrameDefault"];
const SYMBOL_BYTES = 24;
/** A function of more bytes is not looked through; the loop has some 60,000. */
const MAX_CODE_BYTES = 1 << 20;
const encoder = new TextEncoder();

/** Returns the other parts, named as symbol tables do: `NAME.cold`. */
export function splitParts(
  source: ByteSource,
  { elf, tables, frames }: {
    elf: Pick<ElfInfo, "segments" | "bits">;
    tables: readonly RawSymbols[];
    frames: Pick<SearchTable, "rangeAt"> | undefined;
  },
): Stub[] {
  if (frames === undefined || elf.bits !== 64 || tables.some(({ full }) => full)) return [];
  return WANTED.flatMap((name) => {
    const found = tables.map((table) => findSymbol(table, name)).find((symbol) => symbol !== undefined);
    const part = found && found.size <= MAX_CODE_BYTES
      ? partOf(source, { ...found, elf, frames })
      : undefined;
    return part === undefined ? [] : [{ name: `${name}.cold`, ...part }];
  });
}

function findSymbol({ bits, symbols, strings, bias }: RawSymbols, name: string): CodeRange | undefined {
  if (bits !== 64) return undefined;
  const text = encoder.encode(`\0${name}\0`);
  const index = Buffer.from(strings.buffer, strings.byteOffset, strings.byteLength).indexOf(text);
  if (index < 0) return undefined;
  const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
  for (let entry = SYMBOL_BYTES; entry + SYMBOL_BYTES <= view.byteLength; entry += SYMBOL_BYTES) {
    if (view.getUint32(entry, true) !== index + 1) continue;
    const address = u64(view, entry + 8);
    if (address > 0) return { address: address + bias, size: u64(view, entry + 16) };
  }
  return undefined;
}

/**
 * Returns the one other range of unwind tables that conditional jumps of `code` lead into. A jump to its first byte alone
 * may be a call in the last place of a function, of another one.
 */
function partOf(
  source: ByteSource,
  { address, size, elf, frames }: CodeRange & {
    elf: Pick<ElfInfo, "segments">;
    frames: Pick<SearchTable, "rangeAt">;
  },
): CodeRange | undefined {
  const segment = elf.segments.find((one) =>
    one.executable && address >= one.address && address + size <= one.address + one.fileSize
  );
  if (segment === undefined) return undefined;
  const bytes = source.read(address - segment.address + segment.offset, size);
  const inside = new Map<number, { readonly range: CodeRange; jumps: number }>();
  for (const target of conditionalJumps(bytes, address)) {
    if (target >= address && target < address + size) continue;
    if (target < segment.address || target >= segment.address + segment.fileSize) continue;
    const range = frames.rangeAt(target);
    if (range === undefined || target === range.address) continue;
    const known = inside.get(range.address);
    if (known) known.jumps++;
    else inside.set(range.address, { range, jumps: 1 });
  }
  // A byte that only looks like a jump is met now and then; those to the other part are many.
  const [most] = [...inside.values()].sort((a, b) => b.jumps - a.jumps);
  return most === undefined || most.jumps < 2 || most.range.size > segment.fileSize ? undefined : most.range;
}

/** Yields where `jcc rel32` (0F 80 to 0F 8F) would lead, wherever such bytes are. */
function* conditionalJumps(bytes: Uint8Array<ArrayBuffer>, address: number): Generator<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.indexOf(0x0f); at >= 0 && at + 6 <= bytes.length; at = bytes.indexOf(0x0f, at + 1)) {
    if ((bytes[at + 1]! & 0xf0) === 0x80) yield address + at + 6 + view.getInt32(at + 2, true);
  }
}
