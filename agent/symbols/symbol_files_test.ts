// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { collectLogs } from "../../tests/support/log.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { SymbolFiles } from "./symbol_files.ts";
import { SymbolImage } from "../../symbols/symbol_image.ts";

const NAMES = ["first", "second", "third"];

/** Returns an image of three functions, and `padding` bytes more of names. */
function makeImage(padding = 0): Uint8Array<ArrayBuffer> {
  const names = NAMES.map((name, i) => new TextEncoder().encode(i === 2 ? name + "x".repeat(padding) : name));
  const ranges = {
    start: Float64Array.of(0x1000, 0x2000, 2 ** 40),
    end: Float64Array.of(0x1800, 0x2100, 2 ** 40 + 2 ** 33),
    item: Uint32Array.of(0, 1, 2),
  };
  const itemNames = {
    count: names.length,
    lengthOf: (item: number) => names[item]!.length,
    copyName: (item: number, to: Uint8Array, at: number) => to.set(names[item]!, at),
  };
  return SymbolImage.encode(ranges, itemNames, { whole: true, dropped: 3 });
}

const filesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);

Deno.test("SymbolFiles gives back what an earlier run has put there", () => {
  using temp = new TempFolder();
  const folder = `${temp.path}/a/b`;
  const image = makeImage();
  {
    using table = new SymbolFiles({ folder, maxBytes: 1 << 20 }).put("key", image)!;
    assertEquals(table.find(0x17ff), "first");
  }
  const files = new SymbolFiles({ folder, maxBytes: 1 << 20 });
  assertEquals(files.get("other"), undefined);
  using table = files.get("key")!;
  assertEquals([0xfff, 0x1000, 0x1800, 0x2050, 2 ** 40 + 2 ** 31].map((at) => table.find(at)), [
    ...[undefined, "first", undefined, "second", "third"],
  ]);
  assertEquals([table.whole, table.dropped, table.size, table.bytes], [true, 3, 3, 0]);
  assertEquals([files.stats.files, files.stats.bytes, files.stats.hits], [1, image.length, 1]);
  table[Symbol.dispose]();
  assertThrows(() => table.find(0x1000), Error, "closed");
});

Deno.test("SymbolFiles keeps to its size, and gives up what was used longest ago", () => {
  using folder = new TempFolder();
  let now = 1e12;
  const image = makeImage(10_000);
  const options = { folder: folder.path, maxBytes: 3.5 * image.length, clock: () => now };
  Deno.chmodSync(folder.path, 0o700);
  const files = new SymbolFiles(options);
  for (const key of ["a", "b", "c"]) {
    files.put(key, image)![Symbol.dispose]();
    now += 100_000;
  }
  files.get("a")![Symbol.dispose]();
  // An open table is still there when its file is given up.
  using b = files.get("b")!;
  now += 100_000;
  files.get("a")![Symbol.dispose]();
  now += 100_000;
  files.get("c")![Symbol.dispose]();
  files.put("d", image)![Symbol.dispose]();
  assertEquals([files.stats.files, files.stats.evicted], [3, 1]);
  assertEquals(files.get("b"), undefined);
  assertEquals(b.find(0x1000), "first");
  // The order outlives the process.
  const later = new SymbolFiles({ ...options, maxBytes: 2.5 * image.length });
  assertEquals(later.stats.files, 2);
  assertEquals(filesIn(folder.path).length, 2);
  later.get("c")![Symbol.dispose]();
});

Deno.test("SymbolFiles leaves no trace of tables that only this run can use, nor of what was left unfinished", () => {
  using folder = new TempFolder();
  Deno.chmodSync(folder.path, 0o700);
  const [old, young, other] = ["1-1.symbols.tmp", "2-1.symbols.tmp", "notes"].map((name) =>
    folder.write(name, "x")
  );
  Deno.utimeSync(old!, 1, 1);
  const files = new SymbolFiles({ folder: folder.path, maxBytes: 1 << 20 });
  using table = files.putUnnamed(makeImage())!;
  assertEquals(table.find(0x2000), "second");
  assertEquals(filesIn(folder.path).sort(), [young, other].map((path) => path!.split("/").pop()!).sort());
});

Deno.test("SymbolFiles takes no file that is not as it was written", () => {
  using folder = new TempFolder();
  Deno.chmodSync(folder.path, 0o700);
  const image = makeImage(100);
  new SymbolFiles({ folder: folder.path, maxBytes: 1 << 20 }).put("key", image)![Symbol.dispose]();
  const [name] = filesIn(folder.path);
  const path = `${folder.path}/${name}`;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.tuple(fc.nat(image.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
          const bytes = image.slice();
          bytes[at]! ^= change;
          return bytes;
        }),
        fc.nat(image.length - 1).map((length) => image.slice(0, length)),
      ),
      (bytes) => {
        Deno.writeFileSync(path, bytes);
        const files = new SymbolFiles({ folder: folder.path, maxBytes: 1 << 20 });
        // The last words of the header are nothing that anything goes by.
        using table = files.get("key");
        if (table) assertEquals(bytes.slice(32), image.slice(32));
        else assertEquals(files.stats.files, 0);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("SymbolImage takes any bytes", () => {
  const image = makeImage();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(image.length - 1), fc.nat(255))),
      fc.double(),
      (changes, address) => {
        const bytes = image.slice();
        for (const [at, value] of changes) bytes[at] = value;
        SymbolImage.of(bytes)?.find(address);
      },
    ),
  );
});

Deno.test("SymbolFiles refuses a folder that others may write to", () => {
  using folder = new TempFolder();
  Deno.chmodSync(folder.path, 0o777);
  assertThrows(() => new SymbolFiles({ folder: folder.path, maxBytes: 1 << 20 }), Error, "others");
});

testWith(
  ["root", "mount"],
  "SymbolFiles says once that the disk is full, counts it, and leaves nothing there",
  async () => {
    await using logs = await collectLogs();
    using folder = new TempFolder();
    run("mount", ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", folder.path]);
    try {
      const files = new SymbolFiles({ folder: folder.path, maxBytes: 1 << 30 });
      files.put("small", makeImage())![Symbol.dispose]();
      for (const key of ["a", "b"]) assertEquals(files.put(key, makeImage(100_000)), undefined);
      assertEquals(files.putUnnamed(makeImage(100_000)), undefined);
      assertEquals([files.stats.written, files.stats.failed], [1, 3]);
      assertEquals(filesIn(folder.path).length, 1);
      assertEquals(logs.lines.length, 1);
      run("mount", ["-o", "remount,ro", folder.path]);
      assertEquals(files.put("c", makeImage()), undefined);
      using table = new SymbolFiles({ folder: folder.path, maxBytes: 1 << 30 }).get("small")!;
      assert(table.find(0x1000));
    } finally {
      run("umount", [folder.path]);
    }
  },
);
