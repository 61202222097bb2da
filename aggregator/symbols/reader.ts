// SPDX-License-Identifier: Apache-2.0
/**
 * Is the process that makes a table of one debug file, which comes on standard input: libdw reads bytes that anybody
 * may have made, and its memory goes back to the system with the process.
 *
 * Its argument is how many bytes the file may have. It writes messages (protocol.ts) to standard output.
 *
 * @module
 */

import { encodeMessage, joined, writeMessage } from "../../common/messages.ts";
import { RANK, type Rank } from "../../profile/model.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { ElfError, readElf } from "../../symbols/elf/elf.ts";
import { boundProcess } from "../../symbols/libdw/bounds.ts";
import { TooMuchError } from "../../symbols/libdw/code_ranges.ts";
import { Dwarf } from "../../symbols/libdw/dwarf_file.ts";
import { Libdw, LibdwError } from "../../symbols/libdw/libdw.ts";
import { type NamedRange, namedRanges } from "../../symbols/named_ranges.ts";
import { Demangler } from "../../symbols/names/demangle.ts";
import { encodeBlock } from "../storage/native.ts";
import { rangeBlock } from "../storage/range_block.ts";
import { type DebugFileFacts, type DebugFileRefusal, MESSAGE } from "./protocol.ts";

const BLOCK_RANGES = 20_000;
/** libdw, its tables and what is made of them take a few times the file. */
const MEMORY_FACTOR = 6;
const MEMORY_BYTES = 2 ** 30;
const CPU_SECONDS = 600;

const encoder = new TextEncoder();

await say(await answer(Number(Deno.args[0])));

async function answer(limit: number): Promise<[kind: number, message: DebugFileFacts | DebugFileRefusal]> {
  const refused = (because: DebugFileRefusal["because"], message: string) =>
    [MESSAGE.refused, { because, message }] as [number, DebugFileRefusal];
  boundProcess({ dataBytes: limit * MEMORY_FACTOR + MEMORY_BYTES, cpuSeconds: CPU_SECONDS });
  const image = await readAll();
  try {
    using libdw = new Libdw();
    using dwarf = new Dwarf();
    return [MESSAGE.done, await makeTable(image, { libdw, dwarf, demangler: new Demangler(), limit })];
  } catch (error) {
    if (error instanceof LibdwError) {
      return refused(error.cause === undefined ? "file" : "reader", error.message);
    }
    if (error instanceof ElfError || error instanceof TooMuchError) return refused("file", error.message);
    throw error;
  }
}

async function makeTable(
  image: Uint8Array<ArrayBuffer>,
  options: Parameters<typeof namedRanges>[1],
): Promise<DebugFileFacts> {
  const { buildId } = readElf(memorySource(image));
  if (buildId === "") throw new ElfError("The file has no build id, by which code is told");
  let ranges = 0;
  let rank: Rank = RANK.none;
  let block: NamedRange[] = [];
  const flush = async () => {
    await say([MESSAGE.block, encodeBlock(rangeBlock(buildId, block))]);
    block = [];
  };
  for (const range of namedRanges(image, options)) {
    ranges++;
    if (range.rank > rank) rank = range.rank;
    block.push(range);
    if (block.length === BLOCK_RANGES) await flush();
  }
  if (block.length > 0) await flush();
  if (ranges === 0) throw new ElfError("The file has neither symbols nor debug information");
  return { buildId, rank, ranges };
}

async function readAll(): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const part of Deno.stdin.readable) {
    parts.push(part);
    length += part.length;
  }
  return joined(parts, length);
}

async function say([kind, message]: [kind: number, message: unknown]): Promise<void> {
  const payload = message instanceof Uint8Array ? message : encoder.encode(JSON.stringify(message));
  await writeMessage(Deno.stdout, encodeMessage(kind, payload));
}
