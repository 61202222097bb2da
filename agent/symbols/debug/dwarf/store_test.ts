// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../../../tests/support/needs.ts";
import { run, TempFolder } from "../../../../tests/support/programs.ts";
import { readElf } from "../../../../symbols/elf/elf.ts";
import { Dwarf, type SourceFrame } from "../../../../symbols/libdw/dwarf.ts";
import { RegularFile } from "../../../../symbols/elf/regular_file.ts";
import { packDebugInfo } from "../../../../symbols/pack.ts";
import type { DebugInfoPlace } from "./protocol.ts";
import { DebugStore } from "./store.ts";

const LIMIT = 64 << 20;

const C = `
static volatile int sink;
static inline __attribute__((always_inline)) int inner(int n) {
  for (int i = 0; i < n; i++) sink += i * n;
  return sink;
}
static inline __attribute__((always_inline)) int middle(int n) {
  int a = inner(n);
  return a + inner(n + 1);
}
__attribute__((noinline)) int outer(int n) {
  if (n > 3) { int b = middle(n); sink = b; }
  return middle(n * 2) + 1;
}
int main(int argc, char **argv) { return outer(argc); }
`;

const CPP = `
#include <algorithm>
#include <map>
#include <string>
#include <vector>
namespace shop {
template <class T> struct Cart {
  std::vector<T> items;
  void add(T item) { items.push_back(item * 2); }
  T total() const { T sum{}; for (auto &item : items) sum += item; return sum; }
};
namespace { int hidden(int n) { Cart<int> c; for (int i = 0; i < n; i++) c.add(i); return c.total(); } }
}
int main(int argc, char **argv) {
  std::map<std::string, int> m;
  for (int i = 0; i < argc; i++) m[argv[i]] = shop::hidden(i);
  std::vector<int> v; for (auto &e : m) v.push_back(e.second);
  std::sort(v.begin(), v.end(), [](int a, int b) { return a > b; });
  return v[0];
}
`;

const RUST = `
mod cart {
  #[inline(always)] fn price(n: u64) -> u64 { std::hint::black_box(n).wrapping_mul(3) }
  #[inline(never)] pub fn total(items: &[u64]) -> u64 { items.iter().map(|&i| price(i)).filter(|p| p % 2 == 0).sum() }
}
fn main() { let v: Vec<u64> = std::env::args().map(|a| a.len() as u64).collect(); println!("{}", cart::total(&v)); }
`;

function placeOf(path: string): DebugInfoPlace {
  using file = RegularFile.open(path)!;
  return { path, identity: file.identity, bias: 0 };
}

/** Addresses all over the code of a file. */
function addressesOf(path: string, count: number): number[] {
  const line = run("readelf", ["-SW", path]).split("\n").find((text) => / \.text\s/.test(text))!;
  const [, start, , size] = /PROGBITS\s+(\w+) (\w+) (\w+)/.exec(line)!.map((text) => parseInt(text, 16));
  return Array.from({ length: count }, (_, i) => start! + Math.floor((i + 0.31) * size! / count));
}

/** Returns what `program` says of each address, function and place; "??" where it does not know. */
function oracle(program: string, path: string, addresses: readonly number[]): string[][] {
  const hex = addresses.map((address) => `0x${address.toString(16)}`);
  // Newer elfutils end with 1 where they do not know all of them.
  const { code, stdout, stderr } = new Deno.Command(program, { args: ["-a", "-i", "-f", "-e", path, ...hex] })
    .outputSync();
  assert(
    code <= 1 && stderr.length === 0,
    `${program} ended with ${code}: ${new TextDecoder().decode(stderr)}`,
  );
  const blocks = new TextDecoder().decode(stdout).split(/^0x\w+\n/m).slice(1);
  assertEquals(blocks.length, addresses.length);
  return blocks.map((block) => block.trimEnd().split("\n"));
}

/** Returns `function`, then `file:line`, for each frame; without the column, and the folder where it is doubled. */
function described(frames: readonly SourceFrame[]): string[] {
  return frames.flatMap(({ function: name, file, line }) => [name, `${file}:${line}`]);
}

function undoubled(place: string): string {
  return place.replace(/:\?$/, ":0").replace(
    /:\d+(?=:|$)(?::\d+)?(?: .*)?$/,
    (text) => `:${text.split(":")[1]!.split(" ")[0]}`,
  );
}

/** Counts how many addresses have frames, how many have inlined ones; all that the oracle names must agree. */
function compare(
  path: string,
  place: DebugInfoPlace,
  addresses: readonly number[],
  program = "eu-addr2line",
) {
  using dwarf = new Dwarf();
  using store = new DebugStore(dwarf, LIMIT);
  const frames = store.frames("file", place, addresses);
  assert(typeof frames !== "string", String(frames));
  const theirs = oracle(program, path, addresses);
  let same = 0;
  let inlined = 0;
  const different: string[] = [];
  frames.forEach((found, i) => {
    if (found.length === 0 || found[0]!.function === "") return;
    const ours = described(found);
    const expected = theirs[i]!.map((text, at) =>
      at % 2 === 0 ? text.replace(/ inlined at .*/, "") : undoubled(text)
    );
    // Only names that the compiler gave itself, and lines that libdw counts as not known, may differ.
    const equal = ours.length === expected.length &&
      ours.every((text, at) =>
        text === expected[at] || at % 2 === 1 && expected[at]!.startsWith("??") ||
        at % 2 === 1 && samePlace(text, expected[at]!) ||
        at % 2 === 0 && sameName(ours[at + 1]!, expected[at]!)
      );
    if (equal) same++;
    else different.push(`0x${addresses[i]!.toString(16)}: ${ours.join(" | ")} <> ${expected.join(" | ")}`);
    if (found.length > 1) inlined++;
  });
  return { same, inlined, different };
}

/** Compilers write ranges of neighbours that overlap by some bytes: there either is right. */
function assertAgrees(different: readonly string[], same: number): void {
  assert(
    different.length <= same / 40,
    `${different.length} of ${same}: ${different.slice(0, 4).join("\n")}`,
  );
}

/** The oracle puts the unit's folder before a path that has it already. */
function samePlace(ours: string, theirs: string): boolean {
  const tail = (text: string) => text.split("/").slice(-2).join("/");
  return tail(ours) === tail(theirs);
}

/**
 * Is true when the names agree: in assembly the oracle takes the name from the symbol table, where a function has
 * several.
 */
function sameName(place: string, theirs: string): boolean {
  return theirs === "??" || /\.S:\d+$/.test(place);
}

const BUILDS: Record<string, { compiler: string; name: string; source: string; flags: readonly string[] }> = {
  "C": { compiler: "gcc", name: "in.c", source: C, flags: ["-O2", "-g"] },
  "C in DWARF 4, compressed": {
    compiler: "gcc",
    name: "in.c",
    source: C,
    flags: ["-O2", "-gdwarf-4", "-gz"],
  },
  "C of clang, without .debug_aranges": { compiler: "clang", name: "in.c", source: C, flags: ["-O2", "-g"] },
  "C++": { compiler: "g++", name: "in.cc", source: CPP, flags: ["-O2", "-g"] },
  "C++ in a shared library": {
    compiler: "g++",
    name: "in.cc",
    source: CPP,
    flags: ["-O2", "-g", "-shared", "-fPIC"],
  },
  "Rust": { compiler: "rustc", name: "in.rs", source: RUST, flags: ["-O", "-g"] },
};
for (const [what, { compiler, name, source, flags }] of Object.entries(BUILDS)) {
  // That of elfutils 0.188 needs .debug_aranges, which LLVM leaves out; binutils' misses some of clang's scopes.
  const program = compiler === "rustc"
    ? "addr2line"
    : compiler === "clang"
    ? "llvm-addr2line"
    : "eu-addr2line";
  testWith([compiler, program, "readelf"], `DebugStore.frames() agrees with ${program} on ${what}`, () => {
    using folder = new TempFolder();
    const path = `${folder.path}/program`;
    run(compiler, [...flags, "-o", path, folder.write(name, source)]);
    const { same, inlined, different } = compare(path, placeOf(path), addressesOf(path, 300), program);
    assert(same > 30 && inlined > 10, `${same} the same, ${inlined} inlined`);
    assertAgrees(different, same);
  });
}

testWith(["gcc", "objcopy", "eu-addr2line"], "DebugStore.frames() reads a separate debug file", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/program`;
  run("gcc", ["-O2", "-g", "-o", path, folder.write("in.c", C)]);
  run("objcopy", ["--only-keep-debug", path, `${path}.debug`]);
  const { same, different } = compare(path, placeOf(`${path}.debug`), addressesOf(path, 100));
  assert(same > 20);
  assertAgrees(different, same);
});

testWith(["eu-addr2line", "libc6-dbg"], "DebugStore.frames() agrees with eu-addr2line all over libc", () => {
  const libc = "/lib/x86_64-linux-gnu/libc.so.6";
  using file = RegularFile.open(libc)!;
  const { buildId } = readElf(file);
  const debug = `/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`;
  const { same, inlined, different } = compare(libc, placeOf(debug), addressesOf(libc, 1500));
  assert(same > 1000 && inlined > 50, `${same} the same, ${inlined} inlined`);
  assertAgrees(different, same);
});

testWith(["gcc"], "DebugStore keeps to its limit and reads a closed file again", () => {
  using folder = new TempFolder();
  using dwarf = new Dwarf();
  const paths = ["a", "b", "c"].map((name) => {
    run("gcc", ["-O2", "-g", "-o", `${folder.path}/${name}`, folder.write(`${name}.c`, C)]);
    return `${folder.path}/${name}`;
  });
  using store = new DebugStore(dwarf, 20_000);
  for (const path of [...paths, ...paths]) {
    assert(store.frames(path, placeOf(path), addressesOf(path, 10)).length === 10);
    assert(store.stats.bytes <= 20_000, JSON.stringify(store.stats));
  }
  using small = new DebugStore(dwarf, 100);
  assertEquals(small.frames("a", placeOf(paths[0]!), [1]), "too large");
  const place = placeOf(paths[0]!);
  Deno.removeSync(paths[0]!);
  assertEquals(small.frames("a", place, [1]), "unreadable");
});

testWith(["gcc"], "DebugStore.frames() survives damaged debug information", () => {
  using folder = new TempFolder();
  using dwarf = new Dwarf();
  const path = `${folder.path}/program`;
  run("gcc", ["-O2", "-g", "-o", path, folder.write("in.c", C)]);
  const whole = Deno.readFileSync(path);
  const addresses = addressesOf(path, 20);
  using file = RegularFile.open(path)!;
  assert(packDebugInfo(file, LIMIT)!.bytes < whole.length);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 12_000, max: whole.length - 1 }), fc.nat(255)), {
        minLength: 1,
        maxLength: 30,
      }),
      (changes) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at] = value;
        using store = new DebugStore(dwarf, LIMIT);
        store.frames("damaged", placeOf(folder.write("damaged", bytes)), addresses);
      },
    ),
    { numRuns: 150 },
  );
});
