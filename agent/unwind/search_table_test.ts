// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CODE_ADDRESS, elfImage, fields, Frames, type SearchEntry } from "../../tests/support/elf_image.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { ElfError, readElf } from "../../symbols/elf/elf.ts";
import { SearchTable } from "./search_table.ts";

async function open(ehFrame: Uint8Array, searchTable: readonly SearchEntry[]): Promise<SearchTable> {
  const source = memorySource(await elfImage({ ehFrame, searchTable }));
  return SearchTable.open(source, readElf(source))!;
}

/** Returns the functions that `table` reads, as offsets in the code. */
function functions(table: SearchTable, question: { start: number; end: number; lead: number }): number[] {
  const { start, end, lead } = question;
  const starts: number[] = [];
  for (const { reader, offsets } of table.read(table.find(CODE_ADDRESS + start, CODE_ADDRESS + end, lead))) {
    for (const offset of offsets) starts.push(reader.fde(offset).start - CODE_ADDRESS);
  }
  return starts.sort((a, b) => a - b);
}

Deno.test("SearchTable finds the functions of any addresses, and so many before them", async () => {
  const starts = fc.uniqueArray(fc.nat(4000), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(starts, fc.nat(4000), fc.nat(4000), fc.nat(5), async (starts, start, size, lead) => {
      const frames = new Frames();
      const cie = frames.cie();
      for (const at of starts) frames.fde(cie, { start: CODE_ADDRESS + at, length: 1, code: [] });
      const sorted = frames.functions.toSorted(([a], [b]) => a - b);
      const table = await open(frames.bytes, sorted);
      assertEquals(table.count, starts.length);
      const all = starts.toSorted((a, b) => a - b);
      const before = all.filter((at) => at < start);
      const expected = [
        ...before.slice(Math.max(0, before.length - lead)),
        ...all.filter((at) => at >= start && at < start + size),
      ];
      const question = { start, end: start + size, lead };
      assertEquals(functions(table, question), expected);
      const { first } = table.find(CODE_ADDRESS + start, CODE_ADDRESS + start + size, lead);
      assertEquals(first, before.length <= lead);
    }),
  );
});

Deno.test("SearchTable.ranges() has where all functions start and end, and of damaged entries no more", async () => {
  const functions = fc.uniqueArray(fc.record({ at: fc.nat(4000), length: fc.integer({ min: 1, max: 90 }) }), {
    selector: ({ at }) => at,
    minLength: 1,
    maxLength: 40,
  });
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(functions, damage, async (functions, damage) => {
      const frames = new Frames();
      const cie = frames.cie();
      for (const { at, length } of functions) {
        frames.fde(cie, { start: CODE_ADDRESS + at, length, code: [] });
      }
      const sorted = frames.functions.toSorted(([a], [b]) => a - b);
      const { starts, ends } = (await open(frames.bytes, sorted)).ranges();
      const expected = functions.toSorted((a, b) => a.at - b.at);
      assertEquals([...starts], expected.map(({ at }) => CODE_ADDRESS + at));
      assertEquals([...ends], expected.map(({ at, length }) => CODE_ADDRESS + at + length));
      const damaged = Uint8Array.from(frames.bytes);
      for (const [at, byte] of damage) damaged[at % damaged.length] = byte;
      const other = (await open(damaged, sorted)).ranges();
      assertEquals(other.starts, starts);
      assert(other.ends.every((end, i) => end >= starts[i]!));
    }),
  );
});

Deno.test("SearchTable reads no byte for two entries, whatever its table says", async () => {
  const frames = new Frames();
  const cie = frames.cie();
  const [from, count, bytes] = [frames.bytes.length, 500, 24];
  const end = from + count * bytes;
  const nested: number[] = [...frames.bytes];
  const searchTable: SearchEntry[] = [];
  for (let i = 0; i < count; i++) {
    const at = nested.length;
    // Each goes to the end of the section, so that it holds all after it.
    nested.push(...fields([4, end - at - 4], [4, at + 4 - cie], [8, CODE_ADDRESS + i], [8, 1]));
    searchTable.push([CODE_ADDRESS + i, at]);
  }
  const table = await open(new Uint8Array(nested), searchTable);
  let read = 0;
  for (const { reader, offsets } of table.read(table.find(0, 2 ** 40, 0))) {
    for (const offset of offsets) read += reader.endOf(offset)! - offset;
  }
  assert(read > 0 && read <= end - from, `${read} bytes`);
});

Deno.test("SearchTable refuses more functions at a place than any file has", async () => {
  const frames = new Frames();
  frames.fde(frames.cie(), { start: CODE_ADDRESS, length: 1, code: [] });
  const small = await elfImage({ ehFrame: frames.bytes, searchTable: frames.functions });
  // The same header with its one entry again and again, behind all else.
  const program = new DataView(small.buffer, 176);
  const header = Number(program.getBigUint64(8, true));
  const count = (1 << 20) + 1;
  const image = new Uint8Array(small.length + 12 + count * 8);
  image.set(small);
  image.set(small.subarray(header, header + 12), small.length);
  new DataView(image.buffer).setUint32(small.length + 8, count, true);
  image.set(small.subarray(header + 12, header + 20), small.length + 12);
  for (let at = small.length + 12, done = 8; done < count * 8; done *= 2) {
    image.copyWithin(at + done, at, at + done);
  }
  new DataView(image.buffer).setBigUint64(176 + 8, BigInt(small.length), true); // p_offset
  new DataView(image.buffer).setBigUint64(176 + 32, BigInt(image.length - small.length), true); // p_filesz
  const source = memorySource(image);
  const table = SearchTable.open(source, readElf(source))!;
  assertEquals(table.count, count);
  assertThrows(() => table.find(CODE_ADDRESS, CODE_ADDRESS + 1, 8), ElfError, "search table");
  assertEquals(table.find(CODE_ADDRESS + 1, CODE_ADDRESS + 1, 8).entries.length, 8);
});

Deno.test("SearchTable.open() takes no table of a negative number of functions", async () => {
  const frames = new Frames();
  frames.fde(frames.cie(), { start: CODE_ADDRESS, length: 90, code: [] });
  const image = await elfImage({ ehFrame: frames.bytes, searchTable: frames.functions });
  const view = new DataView(image.buffer);
  // The third program header is that of the table, whose count is behind four bytes of encodings and an address.
  const header = Number(view.getBigUint64(64 + 2 * 56 + 8, true));
  assertEquals(view.getUint32(header + 8, true), 1);
  const open = (encoding: number, count: number) => {
    view.setUint8(header + 2, encoding);
    view.setInt32(header + 8, count, true);
    const source = memorySource(image);
    return SearchTable.open(source, readElf(source))?.count;
  };
  const [UDATA4, SDATA4] = [0x03, 0x0b];
  assertEquals([open(UDATA4, 1), open(SDATA4, 1), open(SDATA4, 0), open(SDATA4, -1)], [
    1,
    1,
    undefined,
    undefined,
  ]);
});
