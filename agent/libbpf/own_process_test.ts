// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { allocatorBytes, giveBackMemory, PageMap, readOnlyFiles } from "./own_process.ts";

Deno.test("readOnlyFiles() are the private mappings of files that nobody may write to", () => {
  const maps = [
    "1000-3000 r-xp 00000000 fe:00 7    /usr/bin/a b",
    "5000-6000 rw-p 00004000 fe:00 7    /usr/bin/a b",
    "6000-7000 r--s 00004000 fe:00 8    /memfd",
    "7000-8000 r-xp 00000000 00:00 0    [vdso]",
    "8000-9000 r--p 00000000 00:00 0 ",
    "9000-b000 r--p 00000000 fe:00 9    /lib/c.so",
    "",
  ].join("\n");
  assertEquals(readOnlyFiles(maps), [{ start: 0x1000, bytes: 0x2000 }, { start: 0x9000, bytes: 0x2000 }]);
});

Deno.test("readOnlyFiles() takes any text", () => {
  fc.assert(fc.property(fc.string(), (text) => assertEquals(readOnlyFiles(text), [])));
});

testWith(["bpf"], "PageMap.hasCopies() is what the kernel's own sum of a mapping's pages says", () => {
  const smaps = Deno.readTextFileSync("/proc/self/smaps");
  using pages = new PageMap();
  const copied = [true, false].map((expected) =>
    readOnlyFiles(smaps).filter((mapping) => {
      const of = smaps.slice(smaps.indexOf(`${mapping.start.toString(16)}-`));
      const anonymous = Number(/^Anonymous:\s+(\d+) kB$/m.exec(of)![1]);
      if ((anonymous > 0) !== expected) return false;
      assertEquals(pages.hasCopies(mapping), expected, of.slice(0, 100));
      return true;
    }).length
  );
  // What the loader has relocated; and programs and libraries.
  assert(copied.every((count) => count > 0));
});

testWith(["bpf"], "giveBackMemory() leaves of the program what runs", () => {
  const before = fileBytes();
  giveBackMemory();
  assert(fileBytes() < 0.8 * before);
});

/** Returns what of files this process has in memory. */
function fileBytes(): number {
  return 1024 * Number(/^RssFile:\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
}

testWith(["bpf"], "allocatorBytes() has what is allocated", () => {
  const before = allocatorBytes();
  // Not filled, so that no memory stands behind it: the allocator counts it all the same.
  const buffer = new ArrayBuffer(512 << 20);
  const after = allocatorBytes();
  if (before === undefined || after === undefined) return assertEquals(before, after);
  assert(after.used > before.used + 256 * 2 ** 20);
  assertEquals(buffer.byteLength, 512 << 20);
});
