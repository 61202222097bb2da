// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { CODE_ADDRESS, elfImage, Frames } from "../../tests/support/elf_image.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import type { CodeFile } from "../elf/code_file.ts";
import { CodeFiles } from "../elf/code_files.ts";
import type { MappedFile } from "../elf/mapped_file.ts";
import { PAGE_BYTES } from "./table.ts";
import { type CompiledPages, type Room, TableCompiler } from "./table_compiler.ts";
import { TableFiles } from "./table_files.ts";

/** The program header of the code is here in an image of elfImage(). */
const CODE_HEADER = 120;

/** Returns a library with one function. */
async function library(): Promise<Uint8Array<ArrayBuffer>> {
  const frames = new Frames();
  frames.fde(frames.cie(), { start: CODE_ADDRESS, length: 16, code: [] });
  return await elfImage({ ehFrame: frames.bytes });
}

/** Returns a process that has a file of these bytes mapped. */
function mapped(folder: TempFolder, image: Uint8Array, path = "/library"): MappedFile {
  const inode = Deno.statSync(folder.write(`root${path}`, image)).ino!;
  const mapping = { start: 0x1000, end: 0x2000, offset: 0, device: "fe:00", inode, path };
  return { process: { folder: folder.path }, mapping: { ...mapping, deleted: false } };
}

async function compiledPages(tables: TableCompiler, file: CodeFile): Promise<number[]> {
  const { signal } = new AbortController();
  const pages: number[] = [];
  const store = { has: () => false, hasRoomFor: ({ pages }: { pages: number }) => pages < 100 };
  const runs = tables.compile(file, { wanted: new Set([1]), store, signal });
  for await (const run of runs) pages.push(...run.pages);
  return pages;
}

Deno.test("TableCompiler.compile() gives all pages of a small file, of the code that the file has", async () => {
  for (const bytes of [undefined, 2n ** 50n]) {
    using folder = new TempFolder();
    const image = await library();
    if (bytes) new DataView(image.buffer).setBigUint64(CODE_HEADER + 32, bytes, true); // p_filesz
    const tables = new TableCompiler();
    const file = new CodeFiles().of(mapped(folder, image))!;
    assertEquals(await compiledPages(tables, file), [CODE_ADDRESS / PAGE_BYTES]);
    assertEquals(tables.isTableless(file), false);
  }
});

Deno.test("TableCompiler.compile() does not walk through a file of holes", async () => {
  using folder = new TempFolder();
  const image = await library();
  new DataView(image.buffer).setBigUint64(CODE_HEADER + 32, 2n ** 40n, true); // p_filesz
  const place = mapped(folder, image);
  Deno.truncateSync(`${folder.path}/root/library`, 2 ** 41);
  const tables = new TableCompiler();
  const file = new CodeFiles().of(place)!;
  assertEquals(await compiledPages(tables, file), []);
  assertEquals(tables.isTableless(file), true);
});

Deno.test("TableCompiler.compile() gives the wanted pages alone of code that has too many for the store", async () => {
  using folder = new TempFolder();
  const image = await library();
  new DataView(image.buffer).setBigUint64(CODE_HEADER + 32, 2n ** 30n, true); // p_filesz
  const place = mapped(folder, image);
  Deno.truncateSync(`${folder.path}/root/library`, 2 ** 31);
  const tables = new TableCompiler();
  assertEquals(await compiledPages(tables, new CodeFiles().of(place)!), [1]);
});

Deno.test("TableCompiler.compile() has no table for code beyond all addresses", async () => {
  using folder = new TempFolder();
  const image = await library();
  new DataView(image.buffer).setBigUint64(CODE_HEADER + 16, 2n ** 60n, true); // p_vaddr
  const tables = new TableCompiler();
  const file = new CodeFiles().of(mapped(folder, image))!;
  assertEquals(await compiledPages(tables, file), []);
  assertEquals(tables.isTableless(file), true);
});

Deno.test("TableCompiler.compile() compiles a file whole once, where the store has no room for all of it", async () => {
  using folder = new TempFolder();
  const frames = new Frames();
  const cie = frames.cie();
  frames.fde(cie, { start: CODE_ADDRESS, length: 16, code: [] });
  const image = await elfImage({ ehFrame: frames.bytes, searchTable: frames.functions });
  const tables = new TableCompiler();
  const file = new CodeFiles().of(mapped(folder, image))!;
  const store = { has: () => false, hasRoomFor: () => false };
  const page = CODE_ADDRESS / PAGE_BYTES;
  for (let turn = 0; turn < 3; turn++) {
    const pages: number[] = [];
    for await (
      const run of tables.compile(file, {
        wanted: new Set([page]),
        store,
        signal: new AbortController().signal,
      })
    ) pages.push(...run.pages);
    assertEquals(pages, [page]);
  }
  const { compiled, compiledPages } = tables.stats;
  assertEquals({ compiled, compiledPages }, { compiled: 1, compiledPages: 2 });
});

/** Returns a library of so many functions of `length` bytes, each of which has other rules. */
async function libraryOf(functions: number, length = 16): Promise<Uint8Array<ArrayBuffer>> {
  const frames = new Frames();
  const cie = frames.cie();
  for (let i = 0; i < functions; i++) {
    // DW_CFA_advance_loc 4, DW_CFA_def_cfa_offset
    frames.fde(cie, { start: CODE_ADDRESS + length * i, length, code: [0x44, 0x0e, 16 + i % 64] });
  }
  return await elfImage({
    ehFrame: frames.bytes,
    searchTable: frames.functions,
    codeBytes: length * functions,
  });
}

/** Returns what a compiler gives that finds what earlier ones kept, and what it compiled itself. */
async function compiledAfter(
  folder: TempFolder,
  { place, wanted, store, hurried = false, ahead = false }: {
    place: MappedFile;
    wanted: readonly number[];
    store: Room;
    hurried?: boolean;
    ahead?: boolean;
  },
): Promise<{ given: CompiledPages[]; compiled: number; compiledPages: number }> {
  const kept = new TableFiles({ folder: `${folder.path}/kept`, maxBytes: 1 << 24, version: "1" });
  const tables = new TableCompiler({ kept });
  const file = new CodeFiles().of(place)!;
  const named = { ...file, elf: { ...file.elf, buildId: "0123456789" } };
  const { signal } = new AbortController();
  const given: CompiledPages[] = [];
  for await (const run of tables.compile(named, { wanted: new Set(wanted), store, signal, hurried, ahead })) {
    given.push({ ...run, pages: [...run.pages] });
  }
  const { compiled, compiledPages } = tables.stats;
  return { given, compiled, compiledPages };
}

const FIRST = CODE_ADDRESS / PAGE_BYTES;
const ROOM = { has: () => false, hasRoomFor: () => true };

Deno.test("TableCompiler.forget() has a file given whole again, whose pages come alone else", async () => {
  using folder = new TempFolder();
  const tables = new TableCompiler();
  const file = new CodeFiles().of(mapped(folder, await library()))!;
  const whole = [CODE_ADDRESS / PAGE_BYTES];
  assertEquals(await compiledPages(tables, file), whole);
  assertEquals([tables.isWhole(file), await compiledPages(tables, file)], [true, [1]]);
  tables.forget(file);
  assertEquals(tables.isWhole(file), false);
  assertEquals(await compiledPages(tables, file), whole);
});

Deno.test("TableCompiler.compile() takes a small file's table from an earlier run", async () => {
  using folder = new TempFolder();
  const place = mapped(folder, await libraryOf(1000));
  const first = await compiledAfter(folder, { place, wanted: [], store: ROOM });
  const second = await compiledAfter(folder, { place, wanted: [FIRST], store: ROOM });
  assertEquals([first.compiled, second.compiled], [1, 0]);
  assertEquals(second.given, first.given);
  // Alone where there is no room for all.
  const alone = await compiledAfter(folder, {
    ...{ place, wanted: [FIRST] },
    store: { ...ROOM, hasRoomFor: () => false },
  });
  assertEquals([alone.compiled, alone.compiledPages, alone.given[0]!.pages], [0, 0, [FIRST]]);
});

Deno.test("TableCompiler.compile() gives the pages of a large file that earlier runs missed before they are missed", async () => {
  using folder = new TempFolder();
  // 20 pages.
  const place = mapped(folder, await libraryOf(16_500, 80));
  const first = await compiledAfter(folder, {
    place,
    wanted: [FIRST + 1, FIRST + 9],
    store: ROOM,
    hurried: true,
  });
  assertEquals(first.compiledPages, 2);
  const expected = await compiledAfter(folder, { place, wanted: [], store: ROOM });
  assertEquals([expected.compiled, expected.compiledPages], [0, 0]);
  assertEquals(expected.given, first.given);
  // What is wanted comes first, and is compiled where nobody did before.
  const more = await compiledAfter(folder, {
    place,
    wanted: [FIRST + 9, FIRST + 15],
    store: ROOM,
    hurried: true,
  });
  assertEquals(more.given.map(({ pages }) => [...pages]), [[FIRST + 9], [FIRST + 1], [FIRST + 15]]);
  assertEquals(more.compiledPages, 1);
  // What was read ahead was not missed.
  const ahead = { place, wanted: [FIRST + 17], store: ROOM, hurried: true, ahead: true };
  assertEquals((await compiledAfter(folder, ahead)).compiledPages, 1);
  assertEquals((await compiledAfter(folder, { ...ahead, wanted: [] })).given.length, 3);
  const has = (_: number, page: number) => page !== FIRST + 15;
  const rest = await compiledAfter(folder, { place, wanted: [], store: { ...ROOM, has } });
  assertEquals(rest.given.map(({ pages }) => [...pages]), [[FIRST + 15]]);
});

Deno.test("TableCompiler.compile() compiles again what was kept and is damaged", async () => {
  using folder = new TempFolder();
  const place = mapped(folder, await libraryOf(1000));
  const first = await compiledAfter(folder, { place, wanted: [], store: ROOM });
  const [{ name }] = [...Deno.readDirSync(`${folder.path}/kept`)] as [Deno.DirEntry];
  const bytes = Deno.readFileSync(`${folder.path}/kept/${name}`);
  bytes[bytes.length - 1]! ^= 1;
  Deno.writeFileSync(`${folder.path}/kept/${name}`, bytes);
  const second = await compiledAfter(folder, { place, wanted: [], store: ROOM });
  assertEquals(second, first);
});
