// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RegularFile } from "../../symbols/elf/regular_file.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { fileIdentity, readLink, readSmallFile, readSmallText } from "./proc_file.ts";

Deno.test("readSmallFile() gives every byte, of files of any size, whatever was read before", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/ä file`;
  fc.assert(
    fc.property(fc.nat(300_000), fc.nat(255), (size, first) => {
      const bytes = Uint8Array.from({ length: size }, (_, i) => (first + i * 7) & 0xff);
      Deno.writeFileSync(path, bytes);
      const read = readSmallFile(path)!;
      assertEquals(read.length, size);
      assert(read.every((byte, i) => byte === bytes[i]));
    }),
    { numRuns: 20 },
  );
});

Deno.test("readSmallFile() reads what has no size, and nothing of what is not there", () => {
  const maps = readSmallText("/proc/self/maps")!;
  assert(maps.endsWith("\n") && maps.includes("[stack]"));
  for (const path of ["/proc/self/none", "/proc", "", "/proc/self/stat\0x", `/${"x".repeat(5000)}`]) {
    assertEquals(readSmallFile(path), undefined);
  }
});

Deno.test("readLink() is what Deno reads, and nothing for what is no link", () => {
  assertEquals(readLink("/proc/self/exe"), Deno.readLinkSync("/proc/self/exe"));
  assertEquals(readLink("/proc/self/stat"), undefined);
});

Deno.test("fileIdentity() is the identity of the open file, by any path that leads to it", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/file`;
  for (const [text, modified] of [["", 0], ["longer", 1_700_000_000.987]] as const) {
    Deno.writeTextFileSync(path, text);
    Deno.utimeSync(path, modified, modified);
    using file = RegularFile.open(path);
    assertEquals(fileIdentity(path), file!.identity);
  }
  using program = RegularFile.open("/proc/self/exe");
  assertEquals(fileIdentity("/proc/self/exe"), program!.identity);
  for (const other of [folder.path, "/dev/null", `${folder.path}/none`]) {
    assertEquals(fileIdentity(other), undefined);
  }
});
