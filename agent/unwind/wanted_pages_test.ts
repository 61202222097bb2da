// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { CodeFile } from "../elf/code_file.ts";
import { WantedPages } from "./wanted_pages.ts";

/** Returns a file of which no more is known than how much code it has. */
function fileOf(fileSize: number): CodeFile {
  const segments = [{ offset: 0, address: 0, fileSize, executable: true }];
  return { elf: { segments } } as unknown as CodeFile;
}

Deno.test("WantedPages gives what was missed most for its size first, and what is likely to be wanted last", () => {
  const wanted = new WantedPages();
  const [large, likely, other, small, hot] = [1e9, 1000, 10, 50, 1e8].map(fileOf) as [
    ...[CodeFile, CodeFile, CodeFile, CodeFile, CodeFile],
  ];
  for (const file of [likely, other]) wanted.expect(file);
  for (const file of [large, small]) wanted.add(file, 7);
  for (let i = 0; i < 3; i++) wanted.add(hot, 9);
  assertEquals(wanted.take(), { file: small, pages: new Set([7]) });
  // The one that has waited longest.
  assertEquals(wanted.take(), { file: large, pages: new Set([7]) });
  assertEquals(wanted.take(), { file: hot, pages: new Set([9]) });
  assertEquals([wanted.take()!.file === other, wanted.take()!.file === likely], [true, true]);
  assertEquals([wanted.take(), wanted.size], [undefined, 0]);
});

Deno.test("WantedPages lets no file wait for all pages of a large one", () => {
  const wanted = new WantedPages();
  const [large, small] = [fileOf(1e9), fileOf(1000)];
  for (let page = 0; page < 5000; page++) for (let i = 0; i < 9; i++) wanted.add(large, page);
  wanted.add(small, 3);
  // The pages that were missed most come first.
  for (let i = 0; i < 9; i++) wanted.add(large, 4999);
  assertEquals(wanted.take(), { file: small, pages: new Set([3]) });
  wanted.add(small, 4);
  const { file, pages } = wanted.take()!;
  assert(file === large && pages.has(4999) && pages.size < 100);
  assertEquals(wanted.take(), { file: small, pages: new Set([4]) });
});

Deno.test("WantedPages gives every page once, and every file", () => {
  const entry = fc.record({ file: fc.nat(5), page: fc.option(fc.nat(200), { nil: undefined }) });
  fc.assert(fc.property(fc.array(entry, { maxLength: 500 }), (entries) => {
    const files = Array.from({ length: 6 }, (_, i) => fileOf(i % 3));
    const wanted = new WantedPages();
    const expected = new Set<string>();
    for (const { file, page } of entries) {
      if (page === undefined) wanted.expect(files[file]!);
      else {
        wanted.add(files[file]!, page);
        expected.add(`${file} ${page}`);
      }
    }
    const given: string[] = [];
    const seen = new Set<CodeFile>();
    for (let turn = wanted.take(); turn; turn = wanted.take()) {
      const number = files.indexOf(turn.file);
      seen.add(turn.file);
      for (const page of turn.pages) given.push(`${number} ${page}`);
    }
    assertEquals(given.length, expected.size);
    assertEquals(new Set(given), expected);
    assertEquals(seen.size, new Set(entries.map(({ file }) => file)).size);
  }));
});
