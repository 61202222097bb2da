// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { allocatorBytes, giveBackMemory, unchangedFiles } from "./own_process.ts";

Deno.test("unchangedFiles() are those that nobody may write to and of which no page is a copy", () => {
  const smaps = [
    ...["1000-3000 r-xp 00000000 fe:00 7    /usr/bin/a b", "Rss:  8 kB", "Anonymous:             0 kB"],
    // With a breakpoint in it, as a debugger sets them.
    ...["4000-5000 r-xp 00003000 fe:00 7    /usr/bin/a b", "Rss:  4 kB", "Anonymous:             4 kB"],
    ...["5000-6000 rw-p 00004000 fe:00 7    /usr/bin/a b", "Anonymous:             0 kB"],
    ...["6000-7000 r--s 00004000 fe:00 8    /memfd", "Anonymous:             0 kB"],
    ...["7000-8000 r-xp 00000000 00:00 0    [vdso]", "Anonymous:             0 kB"],
    ...["8000-9000 r--p 00000000 00:00 0 ", "Anonymous:             0 kB"],
    ...["9000-b000 r--p 00000000 fe:00 9    /lib/c.so", "Anonymous:             0 kB", ""],
  ].join("\n");
  assertEquals(unchangedFiles(smaps), [{ start: 0x1000, bytes: 0x2000 }, { start: 0x9000, bytes: 0x2000 }]);
});

Deno.test("unchangedFiles() takes any text", () => {
  fc.assert(fc.property(fc.string(), (text) => assertEquals(unchangedFiles(text), [])));
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
