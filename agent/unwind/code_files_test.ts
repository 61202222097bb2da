import v8 from "node:v8";
import vm from "node:vm";
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { CODE_ADDRESS, elfImage, Frames } from "../../tests/support/elf_image.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import type { MappedFile } from "../symbols/modules.ts";
import { type CodeFile, CodeFiles } from "./code_files.ts";
import { PAGE_BYTES } from "./table.ts";

/** Where the program header of the code is in an image of elfImage(). */
const CODE_HEADER = 120;

/** A library with one function. */
async function library(): Promise<Uint8Array<ArrayBuffer>> {
  const frames = new Frames();
  frames.fde(frames.cie(), { start: CODE_ADDRESS, length: 16, code: [] });
  return await elfImage({ ehFrame: frames.bytes });
}

/** A process that has a file of these bytes mapped. */
function mapped(folder: TempFolder, image: Uint8Array, path = "/library"): MappedFile {
  const inode = Deno.statSync(folder.write(`root${path}`, image)).ino!;
  const mapping = { start: 0x1000, end: 0x2000, offset: 0, device: "fe:00", inode, path };
  return { process: { folder: folder.path }, mapping: { ...mapping, deleted: false } };
}

async function compiledPages(files: CodeFiles, file: CodeFile): Promise<number[]> {
  const { signal } = new AbortController();
  const pages: number[] = [];
  const store = { hasRoomFor: ({ pages }: { pages: number }) => pages < 100 };
  const runs = files.compile(file, { wanted: new Set([1]), store, signal });
  for await (const run of runs) pages.push(...run.pages);
  return pages;
}

Deno.test("CodeFiles.compile() gives all pages of a small file, of the code that the file has", async () => {
  for (const bytes of [undefined, 2n ** 50n]) {
    using folder = new TempFolder();
    const image = await library();
    if (bytes) new DataView(image.buffer).setBigUint64(CODE_HEADER + 32, bytes, true); // p_filesz
    const files = new CodeFiles();
    const file = files.of(mapped(folder, image))!;
    assertEquals(await compiledPages(files, file), [CODE_ADDRESS / PAGE_BYTES]);
    assertEquals(file.tableless, false);
  }
});

Deno.test("CodeFiles.compile() does not walk through a file of holes", async () => {
  using folder = new TempFolder();
  const image = await library();
  new DataView(image.buffer).setBigUint64(CODE_HEADER + 32, 2n ** 40n, true); // p_filesz
  const place = mapped(folder, image);
  Deno.truncateSync(`${folder.path}/root/library`, 2 ** 41);
  const files = new CodeFiles();
  const file = files.of(place)!;
  assertEquals(await compiledPages(files, file), []);
  assertEquals(file.tableless, true);
});

Deno.test("CodeFiles.compile() gives the wanted pages alone of code that has too many for the store", async () => {
  using folder = new TempFolder();
  const image = await library();
  new DataView(image.buffer).setBigUint64(CODE_HEADER + 32, 2n ** 30n, true); // p_filesz
  const place = mapped(folder, image);
  Deno.truncateSync(`${folder.path}/root/library`, 2 ** 31);
  const files = new CodeFiles();
  assertEquals(await compiledPages(files, files.of(place)!), [1]);
});

Deno.test("CodeFiles.compile() has no table for code beyond all addresses", async () => {
  using folder = new TempFolder();
  const image = await library();
  new DataView(image.buffer).setBigUint64(CODE_HEADER + 16, 2n ** 60n, true); // p_vaddr
  const files = new CodeFiles();
  const file = files.of(mapped(folder, image))!;
  assertEquals(await compiledPages(files, file), []);
  assertEquals(file.tableless, true);
});

Deno.test("CodeFiles keeps the files that somebody has, or asks for, and not all that there ever were", async () => {
  using folder = new TempFolder();
  const image = await library();
  const files = new CodeFiles({ maxFiles: 3 });
  const held = files.of(mapped(folder, image, "/held"))!;
  const asked = files.of(mapped(folder, image, "/asked"))!.id;
  for (let i = 0; i < 50; i++) {
    files.of(mapped(folder, image, `/library-${i}`));
    assertEquals(files.get(asked)?.path, "/asked");
  }
  v8.setFlagsFromString("--expose-gc");
  const collect: () => void = vm.runInNewContext("gc");
  for (let turn = 0; files.stats.files > 5; turn++) {
    assert(turn < 100, `${files.stats.files} files`);
    await delay(1);
    collect();
  }
  assertEquals([files.get(held.id), files.get(asked)?.path], [held, "/asked"]);
});
