// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { elfImage } from "../../tests/support/elf_image.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import type { CodeFile } from "./code_file.ts";
import { CodeFiles } from "./code_files.ts";
import { MAX_FILE_ID } from "./file_ids.ts";
import type { MappedFile } from "./mapped_file.ts";

const MAPPING = { start: 0x1000, end: 0x2000, offset: 0, device: "fe:00", inode: 5, deleted: false };
const IMAGE = await elfImage({ ehFrame: new Uint8Array(8) });

/** Returns a process that has a file of these bytes mapped. */
function mapped(folder: TempFolder, path: string, image: Uint8Array = IMAGE): MappedFile {
  const inode = Deno.statSync(folder.write(`root${path}`, image)).ino!;
  return { process: { folder: folder.path }, mapping: { ...MAPPING, inode, path } };
}

/** Returns a file without a build id, which is equal to no other. */
function newFile(files: CodeFiles, name: string): CodeFile {
  const opened = { ...memorySource(IMAGE), identity: name };
  return files.identify(opened, { process: { folder: "/nowhere" }, mapping: { ...MAPPING, path: name } })!;
}

Deno.test("CodeFiles.of() opens the file of a mapping once", () => {
  using folder = new TempFolder();
  const files = new CodeFiles();
  const place = mapped(folder, "/library");
  const file = files.of(place)!;
  Deno.removeSync(`${folder.path}/root/library`);
  assertStrictEquals(files.of(place), file);
  assertStrictEquals(files.get(file.id), file);
  assertEquals([file.name, file.places.length], ["library", 1]);
});

Deno.test("CodeFiles.of() tries a file that cannot be reached once a window, and what is no program once", () => {
  using folder = new TempFolder();
  const files = new CodeFiles();
  const place = mapped(folder, "/library");
  const text = mapped(folder, "/text", new TextEncoder().encode("no program"));
  Deno.renameSync(`${folder.path}/root/library`, `${folder.path}/root/moved`);
  for (let i = 0; i < 2; i++) assertEquals([files.of(place), files.of(text)], [undefined, undefined]);
  assertEquals(files.stats, { files: 0, unreadable: 2, refused: 0 });
  Deno.renameSync(`${folder.path}/root/moved`, `${folder.path}/root/library`);
  assertEquals(files.of(place), undefined);
  files.endWindow();
  assert(files.of(place));
  assertEquals([files.of(text), files.stats.unreadable], [undefined, 2]);
});

Deno.test("CodeFiles keeps the files that somebody has, or asks for, and not all that there ever were", () => {
  const files = new CodeFiles({ maxFiles: 3 });
  const held = newFile(files, "/held");
  using _ = files.addHolder(() => [held.id]);
  const asked = newFile(files, "/asked").id;
  for (let i = 0; i < 50; i++) {
    newFile(files, `/library-${i}`);
    assertEquals(files.get(asked)?.path, "/asked");
    files.endWindow();
  }
  assertEquals(files.stats.files, 3);
  assertEquals([files.get(held.id), files.get(asked)?.path], [held, "/asked"]);
});

Deno.test("CodeFiles gives a mapping of a file that was given up a new file", () => {
  using folder = new TempFolder();
  const files = new CodeFiles({ maxFiles: 1 });
  const place = mapped(folder, "/library");
  const first = files.of(place)!;
  newFile(files, "/other");
  files.endWindow();
  assertEquals(first.retired, true);
  assertStrictEquals(files.get(first.id), first);
  const second = files.of(place)!;
  assertEquals([second.retired, second.path, second.key], [false, "/library", first.key]);
  assert(second.id !== first.id && second.serial !== first.serial);
});

Deno.test("CodeFiles gives ids again, of more files than there are ids, but none that something refers to", () => {
  const [perWindow, windows, holding] = [5000, 30, 50];
  assert(perWindow * windows > MAX_FILE_ID);
  const files = new CodeFiles();
  /** Maps of the kernel have these. */
  const held: CodeFile[] = [];
  using _ = files.addHolder(() => held.map(({ id }) => id));
  /** Stacks name these that were counted in a window, and in the one before. */
  let counted: CodeFile[] = [];
  let largest = 0;
  for (let window = 0; window < windows; window++) {
    const before = counted;
    counted = Array.from({ length: perWindow }, (_, i) => newFile(files, `/${window}/${i}`));
    // Each is held for some windows, some for ever.
    if (window > 4) held.splice(holding / 2, holding / 2);
    held.push(...counted.slice(0, holding / 2));
    assert([...counted, ...before, ...held].every((file) => files.get(file.id) === file));
    largest = counted.reduce((most, { id }) => Math.max(most, id), largest);
    files.endWindow();
  }
  assertEquals([largest, files.stats.refused], [MAX_FILE_ID, 0]);
});

Deno.test("CodeFiles gives a file the id 0 while none is free, and counts it", () => {
  const files = new CodeFiles({ maxFiles: 1, maxId: 2 });
  const [a, b, c] = ["/a", "/b", "/c"].map((name) => newFile(files, name));
  assertEquals([a!.id, b!.id, c!.id, files.stats.refused], [1, 2, 0, 1]);
  for (let i = 0; i < 3; i++) files.endWindow();
  assertStrictEquals(newFile(files, "/c"), c);
  assertEquals(c!.id, 1);
});
