// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { elfFiles } from "../tests/support/elf_files.ts";
import { testWith } from "../tests/support/needs.ts";
import { run, TempFolder } from "../tests/support/programs.ts";
import { memorySource } from "./elf/byte_source.ts";
import { readPlt } from "./plt.ts";
import { RegularFile } from "./elf/regular_file.ts";
import { SymbolTable } from "./symbol_table.ts";

const SECTIONS = [".plt", ".plt.got", ".plt.sec", ".plt.bnd"];
const FILES = 60;

/** Returns `address name`, as objdump labels them. */
function labelled(path: string): string[] {
  const only = SECTIONS.flatMap((section) => ["-j", section]);
  const out = run("sh", ["-c", 'objdump -dw "$@" 2>/dev/null || true', "sh", ...only, path]);
  return [...out.matchAll(/^([0-9a-f]{16}) <(.*@plt)>:$/gm)].map((m) => `${parseInt(m[1]!, 16)} ${m[2]}`)
    .sort();
}

function ours(path: string): string[] {
  using file = RegularFile.open(path)!;
  const { stubs, skipped } = readPlt(file);
  assertEquals(skipped, 0, path);
  return stubs.map(({ address, name }) => `${address} ${name}`).sort();
}

/** Calls puts, takes the address of another function that it calls, and has a function that is chosen when it starts. */
const SOURCE = `
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
static int one(void) { return 1; }
static int (*choose(void))(void) { return one; }
int chosen(void) __attribute__((ifunc("choose")));
int main(int argc, char **argv) {
  int (*out)(const char *) = puts;
  out(argv[0]);
  puts(getenv("HOME"));
  return chosen() + (int)pow(argc, atof(argv[0]));
}
`;

const BUILDS: Record<string, readonly string[]> = {
  "lazily bound": ["-Wl,-z,lazy"],
  // Older linkers ignore that, with a warning.
  "with the stubs' addresses in their relocations": ["-Wl,-z,lazy,-z,mark-plt"],
  "bound when it starts": ["-Wl,-z,now"],
  "lazily bound, with IBT": ["-Wl,-z,lazy", "-fcf-protection=full", "-Wl,-z,ibtplt"],
  "bound when it starts, with IBT": ["-Wl,-z,now", "-fcf-protection=full", "-Wl,-z,ibtplt"],
  "at a fixed address": ["-no-pie", "-fno-pie", "-Wl,-z,lazy"],
  "without a PLT": ["-fno-plt"],
  "a shared library": ["-shared", "-fPIC", "-Wl,-z,lazy"],
  "stripped": ["-s", "-Wl,-z,lazy"],
  "linked by gold": ["-fuse-ld=gold", "-Wl,-z,lazy"],
};

testWith(["gcc", "objdump"], "readPlt() agrees with objdump on builds of every kind", () => {
  using folder = new TempFolder();
  const source = folder.write("in.c", SOURCE);
  for (const [build, flags] of Object.entries(BUILDS)) {
    const path = `${folder.path}/program`;
    run("gcc", ["-O1", "-fno-builtin", ...flags, "-o", path, source, "-lm"]);
    const theirs = labelled(path);
    assertEquals(ours(path), theirs, build);
    if (build !== "without a PLT") {
      assert(theirs.some((label) => label.endsWith(" puts@plt")), `${build}: ${theirs}`);
    }
  }
});

testWith(["gcc"], "readPlt() finds the stubs of a static program, which have no names", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/program`;
  run("gcc", ["-O1", "-static", "-o", path, folder.write("in.c", SOURCE), "-lm"]);
  const names = ours(path);
  assert(names.length > 0);
  for (const name of names) assert(/^\d+ \*ABS\*\+0x[0-9a-f]+@plt$/.test(name), name);
});

testWith(["objdump"], `readPlt() agrees with objdump on all stubs of ${FILES} files`, async () => {
  const all: string[] = [];
  for (const folder of ["/usr/bin", "/usr/lib/x86_64-linux-gnu"]) {
    for await (const path of elfFiles(folder)) if (Deno.statSync(path).size < 2_000_000) all.push(path);
  }
  all.sort();
  const step = Math.max(1, Math.floor(all.length / FILES));
  let stubs = 0;
  for (let i = 0; i < all.length; i += step) {
    const theirs = labelled(all[i]!);
    // It labels none in static programs.
    if (theirs.length > 0) assertEquals(ours(all[i]!), theirs, all[i]);
    stubs += theirs.length;
  }
  assert(stubs > 500, `${stubs} stubs`);
});

Deno.test("SymbolTable.build() takes stubs for functions, of their own bytes only", () => {
  const table = SymbolTable.build({
    tables: [],
    stubs: [{ address: 0x1030, size: 16, name: "puts@plt" }],
  });
  assertEquals([0x102f, 0x1030, 0x103f, 0x1040].map((address) => table.find(address)), [
    undefined,
    "puts@plt",
    "puts@plt",
    undefined,
  ]);
});

testWith(["gcc", "readelf"], "readPlt() counts tables that are cut or damaged, and never throws", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/program`;
  run("gcc", ["-O1", "-fno-builtin", "-Wl,-z,lazy", "-o", path, folder.write("in.c", SOURCE), "-lm"]);
  const whole = Deno.readFileSync(path);
  const header = new DataView(whole.buffer);
  const [at, count] = [Number(header.getBigUint64(40, true)), header.getUint16(60, true)];
  const relocations = [...Array(count).keys()].find((i) => {
    return new RegExp(`\\[ *${i}\\] \\.rela\\.plt`).test(run("readelf", ["-SW", path]));
  })!;
  const set = (field: number, value: bigint) => {
    const bytes = whole.slice();
    new DataView(bytes.buffer).setBigUint64(at + relocations * 64 + field, value, true);
    return readPlt(memorySource(bytes));
  };
  assertEquals(readPlt(memorySource(whole)).skipped, 0);
  assertEquals(set(32, BigInt(whole.length)).skipped, 1); // sh_size
  assertEquals(set(24, 1n << 60n).skipped, 1); // sh_offset
  assertEquals(set(56, 0n).skipped, 1); // sh_entsize
  assert(set(40, 0n).skipped > 0); // sh_link: without symbols
  const change = fc.tuple(
    fc.oneof(fc.nat(63), fc.integer({ min: at, max: whole.length - 1 }), fc.nat(0x1500)),
    fc.nat(255),
  );
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 8 }),
      fc.option(fc.nat(whole.length)),
      (changes, cut) => {
        const bytes = whole.slice(0, cut ?? whole.length);
        for (const [place, value] of changes) if (place < bytes.length) bytes[place] = value;
        const { stubs, skipped } = readPlt(memorySource(bytes));
        assert(stubs.length < 100 && skipped < 100);
        for (const { name } of stubs) assert(name.endsWith("@plt"));
      },
    ),
    { numRuns: 500 },
  );
});
