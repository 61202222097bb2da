// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { readElf } from "../../symbols/elf/elf.ts";
import { Libdw } from "../../symbols/libdw/libdw.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { SearchTable } from "../unwind/search_table.ts";
import { splitParts } from "./split_function.ts";

/** Two branches that are seldom taken, with enough in them to be moved away. */
const SOURCE = `
__attribute__((cold)) extern void rare(long, const char *);
static __attribute__((noinline)) long neighbour(long x) { return x > 7 ? x * 3 : x - 1; }
long other(long x) { if (x < 0) rare(x, "other"); return x + 2; }
long _PyEval_EvalFrameDefault(long x, long y) {
  long z = neighbour(x);
  if (__builtin_expect(z > 100, 0)) { rare(z, "first"); z += other(y); rare(y, "more"); }
  if (__builtin_expect(y > z, 0)) { rare(y, "second"); z -= 5; }
  if (__builtin_expect(x == y, 0)) { rare(x, "third"); z ^= y; }
  return neighbour(z + y);
}
`;

testWith(["gcc", "strip", "nm"], "splitParts() finds the part of the loop that has no name", () => {
  using folder = new TempFolder();
  using libdw = new Libdw();
  const source = folder.write("loop.c", SOURCE);
  const [whole, stripped] = [`${folder.path}/whole.so`, `${folder.path}/stripped.so`];
  run("gcc", ["-O2", "-fPIC", "-shared", "-freorder-blocks-and-partition", source, "-o", whole]);
  run("strip", ["-o", stripped, whole]);
  const parts = (path: string, change?: (bytes: Uint8Array<ArrayBuffer>) => void) => {
    const bytes = Deno.readFileSync(path);
    change?.(bytes);
    const image = memorySource(bytes);
    const tables = libdw.fileSymbols(path, { name: path, findDebugFile: () => undefined });
    const elf = readElf(image);
    return splitParts(image, { elf, tables, frames: SearchTable.open(image, elf) });
  };
  const symbol = run("nm", ["-S", whole]).split("\n").find((line) => line.endsWith("EvalFrameDefault.cold"));
  const [address, size] = symbol!.split(" ").map((text) => parseInt(text, 16));
  assertEquals(parts(stripped), [{ name: "_PyEval_EvalFrameDefault.cold", address: address!, size: size! }]);
  // Where there is a name already, none is made.
  assertEquals(parts(whole), []);
  // Whatever the code is, what is found is a range of the file's.
  const end = readElf(memorySource(Deno.readFileSync(stripped))).segments.find(({ executable }) =>
    executable
  )!;
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(255)), (random) => {
      const found = parts(stripped, (bytes) => {
        for (let at = end.offset; at < end.offset + end.fileSize; at++) bytes[at] = random.next().value!;
      });
      for (const { address, size } of found) {
        assert(address >= end.address && size > 0 && address + size <= end.address + end.fileSize);
      }
    }),
    { numRuns: 20 },
  );
});
