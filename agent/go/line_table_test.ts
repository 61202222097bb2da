// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import { RegularFile } from "../../symbols/elf/regular_file.ts";
import { readSections } from "../../symbols/elf/sections.ts";
import { runProgram } from "../../tests/support/child.ts";
import { testWith } from "../../tests/support/needs.ts";
import { readelfSteps } from "../../tests/support/readelf_frames.ts";
import { NOTHING, type Steps } from "../../tests/support/unwind_steps.ts";
import { compileUnwind } from "../../tests/support/unwind_programs.ts";
import { type GoFrame, GoLineTable } from "./line_table.ts";
import { findStackSwitch } from "./stack_switch.ts";

/** Every so many bytes of code an address is looked at. */
const STEP = 1021;

/** Returns what LLVM reads in the debug information of `path`: the functions at each address, the innermost first. */
async function symbolized(path: string, addresses: readonly number[]): Promise<string[][]> {
  const { stdout } = await runProgram("llvm-symbolizer", [
    ...["--inlines", "--output-style=GNU", "--functions=linkage", "--addresses", `--obj=${path}`],
    ...addresses.map((address) => `0x${address.toString(16)}`),
  ]);
  const found: string[][] = [];
  const lines = stdout.split("\n");
  for (let i = 0; i < lines.length; i++) {
    if (lines[i]!.startsWith("0x")) found.push([]);
    else if (lines[i] !== "") found.at(-1)!.push(`${lines[i]} ${lines[++i]!.replace(/ \(.*/, "")}`);
  }
  return found;
}

function text({ function: name, file, line }: GoFrame): string {
  return `${name} ${file}:${line}`;
}

/** Returns `line` as the line table has it: without the calling convention, type arguments left out. */
function asInLineTable(line: string): string {
  return line.replace(/\.abi(0|internal) /, " ").replace(/\[.*\]/, "[...]").replace(" ./<auto", " <auto");
}

async function compareFrames(flags: readonly string[]): Promise<void> {
  using whole = await compileUnwind("chain.go", { flags: ["-ldflags=-compressdwarf=false", ...flags] });
  using stripped = await compileUnwind("chain.go", { flags: ["-ldflags=-s -w", ...flags] });
  using source = RegularFile.open(stripped.path)!;
  const table = GoLineTable.read(source)!;
  const functions = [...table.functions(source)];
  const addresses: number[] = [];
  for (const { address, end } of functions) {
    for (let at = address; at < end; at += STEP) addresses.push(at);
  }
  const expected = await symbolized(whole.path, addresses);
  assertEquals(expected.length, addresses.length);
  let [inlined, unknown] = [0, 0];
  for (const [i, address] of addresses.entries()) {
    const found = table.frames(source, address);
    if (found.length > 1) inlined++;
    // Debug information ends before what fills a function up to the next one.
    if (expected[i]![0] === "?? ??:0") unknown++;
    else assertEquals(found.map(text), expected[i]!.map(asInLineTable), `at 0x${address.toString(16)}`);
  }
  assert(addresses.length > 1000 && inlined > 20 && unknown < 10, `${[addresses.length, inlined, unknown]}`);

  const steps = await readelfSteps(whole.path);
  let compared = 0;
  for (const { depths, name } of functions) {
    for (const { address, bytes } of depths) {
      const text = stepAt(steps, address);
      if (text === NOTHING) continue;
      assertEquals(text.split(" ")[0], `rsp+${bytes + 8}`, `${name} at 0x${address.toString(16)}`);
      compared++;
    }
  }
  assert(compared > 5000, `${compared} depths were compared`);
}

/** Returns what holds at an address: a program has as many depths as steps, so each is searched for by halves. */
function stepAt({ address, text }: Steps, at: number): string {
  let [low, high] = [0, address.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (address[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return text[low - 1] ?? NOTHING;
}

const ORACLES = ["go", "llvm-symbolizer", "readelf"];

testWith(
  ORACLES,
  "GoLineTable of a stripped program has what its debug information had",
  () => compareFrames([]),
);

testWith(
  ORACLES,
  "GoLineTable of a stripped position-independent program has what its debug information had",
  () => compareFrames(["-buildmode=pie"]),
);

testWith(["go"], "GoLineTable takes damaged tables for what they are: nothing, or other frames", async () => {
  using stripped = await compileUnwind("chain.go", { flags: ["-ldflags=-s -w"] });
  const bytes = await Deno.readFile(stripped.path);
  const source = memorySource(bytes);
  const table = readSections(source).find(({ name }) => name === ".gopclntab")!;
  const addresses = [...GoLineTable.read(source)!.functions(source)].map(({ address }) => address + 7);
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.oneof(fc.nat(255), fc.nat(table.size - 1)), fc.nat(255)),
        { minLength: 1, maxLength: 64 },
      ),
      fc.array(fc.constantFrom(...addresses), { minLength: 20, maxLength: 20 }),
      (changes, lookedUp) => {
        const damaged = bytes.slice();
        for (const [at, value] of changes) damaged[table.offset + at] = value;
        const found = GoLineTable.read(memorySource(damaged));
        for (const address of lookedUp) {
          const frames = found?.frames(memorySource(damaged), address) ?? [];
          assert(frames.length <= 65 && frames.every(({ function: name }) => name.length <= 1024));
          found?.functionAt(memorySource(damaged), address);
        }
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("GoLineTable.read() finds nothing in what is no Go program, and refuses what is no ELF file", () => {
  using source = RegularFile.open("/proc/self/exe")!;
  assertEquals(GoLineTable.read(source), undefined);
  assertThrows(() => GoLineTable.read(memorySource(new Uint8Array(100))), ElfError);
});

/** Returns an ELF file with a line table of `functions` of so many bytes each, all of one entry and table of values. */
function manyFunctions(functions: number, bytes: number): Uint8Array<ArrayBuffer> {
  const [names, values, entries] = [80, 4096, 4096 + (1 << 19)] as const;
  const size = entries + 8 * functions + 4 + 64;
  const [tableAt, namesAt] = [4096, 4096 + size];
  const file = new Uint8Array(namesAt + 64 + 3 * 64);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setBigUint64(40, BigInt(namesAt + 64), true);
  for (const [at, value] of [[52, 64], [58, 64], [60, 3], [62, 2]] as const) view.setUint16(at, value, true);
  file.set(new TextEncoder().encode("\0.gopclntab\0.shstrtab\0"), namesAt);
  for (const [i, name, offset, length] of [[1, 1, tableAt, size], [2, 12, namesAt, 64]] as const) {
    const header = namesAt + 64 + 64 * i;
    view.setUint32(header, name, true);
    view.setBigUint64(header + 24, BigInt(offset), true);
    view.setBigUint64(header + 32, BigInt(length), true);
  }
  const table = new DataView(file.buffer, tableAt);
  table.setUint32(0, 0xfffffff1, true);
  table.setUint16(6, 0x0108);
  const parts = [[8, functions], [32, names], [40, names], [48, names], [56, values], [64, entries]] as const;
  for (const [at, value] of parts) table.setBigUint64(at, BigInt(value), true);
  file.set(new TextEncoder().encode("main.main\0"), tableAt + names);
  // The value and the address go up by one, each time.
  for (let at = 1; at + 1 < 1 << 19; at += 2) file.set([2, 1], tableAt + values + at);
  const entry = 8 * functions + 4;
  for (let i = 0; i <= functions; i++) {
    table.setUint32(entries + 8 * i, i * bytes, true);
    if (i < functions) table.setUint32(entries + 8 * i + 4, entry, true);
  }
  table.setUint32(entries + entry + 16, 1, true);
  return file;
}

Deno.test("findStackSwitch() reads no more of other functions than their names", () => {
  const file = memorySource(manyFunctions(300, 1 << 20));
  let read = 0;
  const source = {
    size: file.size,
    read(offset: number, length: number) {
      read += length;
      return file.read(offset, length);
    },
  };
  const elf = { bits: 64, segments: [] } as unknown as Parameters<typeof GoLineTable.read>[1];
  const table = GoLineTable.read(source, elf)!;
  assertEquals(table.size, 300);
  // Each has values without end.
  assert(table.functionAt(source, 0)!.depths.length > 100_000);
  read = 0;
  assertEquals(findStackSwitch(table, source), undefined);
  assert(read < 1 << 18, `${read} bytes were read`);
});

testWith(["go"], "GoLineTable.named() finds what is among all functions", async () => {
  using program = await compileUnwind("chain.go");
  using source = RegularFile.open(program.path)!;
  const table = GoLineTable.read(source)!;
  const all = [...table.functions(source)];
  const at = all.findIndex(({ name }) => name === "runtime.systemstack");
  assertEquals(table.named(source, "runtime.systemstack", Infinity), [all[at]!]);
  assertEquals(table.named(source, "runtime.systemstack", at), []);
});
