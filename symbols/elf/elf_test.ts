// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { run } from "../../tests/support/programs.ts";
import { type ByteSource, memorySource } from "./byte_source.ts";
import { addressOf, buildIdOfNotes, ElfError, readElf } from "./elf.ts";
import { readSections } from "./sections.ts";

const PROGRAM = "/bin/true";
const program = () => Deno.readFileSync(PROGRAM);

/** Checks that a reader of junk does no more than say that it is junk. */
function readsOrRefuses(bytes: Uint8Array<ArrayBuffer>): void {
  try {
    readElf(memorySource(bytes));
  } catch (error) {
    assert(error instanceof ElfError, `${error}`);
  }
}

testWith(["readelf"], "readElf() agrees with readelf on segments and build id", () => {
  for (const path of [PROGRAM, "/lib/x86_64-linux-gnu/libc.so.6", "/usr/bin/readelf", Deno.execPath()]) {
    const info = readElf(memorySource(Deno.readFileSync(path)));
    const loads = run("readelf", ["-lW", path]).split("\n").filter((line) => /^ +LOAD /.test(line));
    assertEquals(
      info.segments.map((s) => [s.offset, s.address, s.fileSize, s.memorySize, s.executable]),
      loads.map((line) => {
        const [, , offset, address, , fileSize, memorySize] = line.split(/ +/);
        return [...[offset, address, fileSize, memorySize].map(Number), / R?W?\s?E /.test(line)];
      }),
      path,
    );
    const id = /Build ID: ([0-9a-f]+)/.exec(run("readelf", ["-nW", path]))?.[1] ?? "";
    assertEquals(info.buildId, id, path);
    assertEquals(info.bits, 64);
    assertEquals(info.truncated, false);
  }
});

Deno.test("readElf() refuses a file that ends early, or says that it does", () => {
  const whole = program();
  fc.assert(fc.property(fc.nat(whole.length - 1), (length) => {
    const cut = whole.subarray(0, length);
    try {
      assertEquals(readElf(memorySource(cut)).truncated, true);
    } catch (error) {
      assert(error instanceof ElfError, `${error}`);
    }
  }));
});

Deno.test("readElf() throws nothing but ElfError on junk", () => {
  const magic = [0x7f, 0x45, 0x4c, 0x46];
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (junk, headed) => {
    readsOrRefuses(headed ? new Uint8Array([...magic, 2, 1, ...junk]) : new Uint8Array(junk));
  }));
});

Deno.test("readElf() throws nothing but ElfError on a file with changed bytes", () => {
  const whole = program();
  const change = fc.tuple(fc.oneof(fc.nat(63), fc.nat(whole.length - 1)), fc.nat(255));
  fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
    const bytes = whole.slice();
    for (const [at, value] of changes) bytes[at] = value;
    readsOrRefuses(bytes);
  }));
});

Deno.test("readElf() says what it found instead of a header", () => {
  assertThrows(() => readElf(memorySource(new TextEncoder().encode("#!/bin/sh\n"))), ElfError, "10 bytes");
});

Deno.test("addressOf() prefers the executable segment where two share a page", () => {
  const data = { offset: 0x1000, fileSize: 0x1800, address: 0x1000, memorySize: 0x1800, executable: false };
  const code = { offset: 0x2900, fileSize: 0x1000, address: 0x13900, memorySize: 0x1000, executable: true };
  assertEquals(addressOf([data, code], 0x2900), 0x13900);
  assertEquals(addressOf([data, code], 0x2000), 0x13000);
  assertEquals(addressOf([data, code], 0x1fff), 0x1fff);
  assertEquals(addressOf([data, code], 0x4000), undefined);
  assertEquals(addressOf([], 0), undefined);
});

Deno.test("buildIdOfNotes() finds the GNU note among others, and nothing in junk", () => {
  const other = [5, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0x58, 0x58, 0x58, 0x58, 0, 0, 0, 0, 9, 0, 0, 0];
  const gnu = [4, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0x47, 0x4e, 0x55, 0, 0xab, 0xcd, 0xef, 0];
  assertEquals(buildIdOfNotes(new Uint8Array([...other, ...gnu])), "abcdef");
  assertEquals(buildIdOfNotes(new Uint8Array(gnu.slice(0, 18))), "");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
    assertEquals(typeof buildIdOfNotes(new Uint8Array(junk)), "string");
  }));
});

Deno.test("readElf() and readSections() read little of a file whose sections are all the same bytes", () => {
  const [notes, bytes] = [10_000, 1 << 20];
  const at = 64 + bytes;
  const image = new Uint8Array(at + notes * 64).fill(1, 64, at);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(40, BigInt(at), true); // e_shoff
  view.setUint16(60, notes, true); // e_shnum
  for (let i = 0; i < notes; i++) {
    view.setUint32(at + 64 * i + 4, 7, true); // SHT_NOTE
    view.setBigUint64(at + 64 * i + 24, 64n, true); // sh_offset
    view.setBigUint64(at + 64 * i + 32, BigInt(bytes), true); // sh_size
  }
  let read = 0;
  const source = memorySource(image);
  const counting: ByteSource = {
    size: source.size,
    read(offset, length) {
      const found = source.read(offset, length);
      read += found.length;
      return found;
    },
  };
  assertEquals(readElf(counting).buildId, "");
  assert(read < 10 * image.length, `${read} bytes`);
  const names = readSections(source).reduce((sum, { name }) => sum + name.length, 0);
  assert(names < 10 * image.length, `${names} characters`);
});
