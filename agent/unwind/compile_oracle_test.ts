// SPDX-License-Identifier: Apache-2.0
/**
 * Holds the tables to what binutils and LLVM say of the same files, and of builds of every kind.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { dwarfdumpRule, dwarfdumpSteps } from "../../tests/support/dwarfdump_frames.ts";
import { elfFiles } from "../../tests/support/elf_files.ts";
import { testWith } from "../../tests/support/needs.ts";
import { isFile } from "../../tests/support/programs.ts";
import { readelfRule, readelfSteps } from "../../tests/support/readelf_frames.ts";
import { compareSteps, type Comparison, pageRows, tableSteps } from "../../tests/support/unwind_steps.ts";
import { type Compiled, compileUnwindTable, UnwindInfo } from "./compile.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { readElf } from "../../symbols/elf/elf.ts";
import { RegularFile } from "../../symbols/elf/regular_file.ts";
import { CFA_REGISTER, ruleOf } from "./rules.ts";

/** Lists where each is on some Debian; what a machine lacks is left out. */
const NAMED = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/x86_64-linux-gnu/libm.so.6",
  "/lib64/ld-linux-x86-64.so.2",
  "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
  "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
  "/usr/lib/x86_64-linux-gnu/libgcrypt.so.20",
  "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
  "/usr/lib/x86_64-linux-gnu/libLLVM-15.so.1",
  "/usr/lib/x86_64-linux-gnu/libLLVM.so.19.1",
  "/usr/bin/python3.11",
  "/usr/bin/python3.13",
  "/usr/bin/node",
  "/usr/lib/x86_64-linux-gnu/libnode.so.115",
  "/usr/bin/perl",
  "/usr/bin/openssl",
  Deno.execPath(),
];
const FILES = 250;
/** So many of each well-known file are compiled alone. */
const PAGES = 20;
/** Larger files are left to `deno task unwind-check`. */
const MAX_BYTES = 3_000_000;

async function compileFile(path: string): Promise<Compiled> {
  using file = RegularFile.open(path)!;
  return await compileUnwindTable(file, { budget: 1000 });
}

async function compareToReadelf(path: string): Promise<Comparison> {
  const { table } = await compileFile(path);
  return compareSteps(await readelfSteps(path), tableSteps(table, readelfRule));
}

/** Files of /usr/lib and /usr/bin spread evenly over their names. */
async function sample(count: number): Promise<string[]> {
  const all: string[] = [];
  for (const folder of ["/usr/bin", "/usr/lib/x86_64-linux-gnu"]) {
    for await (const path of elfFiles(folder)) {
      if ((await Deno.stat(path)).size <= MAX_BYTES) all.push(path);
    }
  }
  const step = Math.max(1, all.length / count);
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor(i * step)]!);
}

testWith(
  ["readelf"],
  "compileUnwindTable() agrees with readelf on every row of the well-known files",
  async (t) => {
    for (const path of NAMED.filter(isFile)) {
      await t.step(path, async () => {
        const { rows, unknown, mismatches, examples } = await compareToReadelf(path);
        assertEquals(mismatches, 0, examples.join("\n"));
        // longjmp and the dynamic linker's trampolines set the stack pointer itself.
        assertLessOrEqual(unknown, 8);
        // Rust's and V8's own code in the deno binary has none, and node may be but a way into its library.
        const few = path === Deno.execPath() || (await Deno.stat(path)).size < 100_000;
        if (!few) assertGreaterOrEqual(rows, 100);
      });
    }
  },
);

Deno.test("UnwindInfo.compilePages() gives the pages of the whole table of the well-known files", async (t) => {
  for (const path of NAMED.filter(isFile)) {
    await t.step(path, async () => {
      using file = RegularFile.open(path)!;
      const info = new UnwindInfo(file);
      assert(info.searchable);
      const whole = pageRows((await info.compile({ budget: 1000 })).table);
      const pages = [...whole.keys()];
      const step = Math.max(1, Math.floor(pages.length / PAGES));
      for (let i = 0; i < pages.length; i += step) {
        const page = pages[i]!;
        const alone = pageRows((await info.compilePages(page, page, { budget: 1000 })).table);
        assertEquals(alone, new Map([[page, whole.get(page)]]));
      }
    });
  }
});

testWith(["readelf"], `compileUnwindTable() agrees with readelf on every row of ${FILES} files`, async () => {
  const totals = { files: 0, rows: 0, unknown: 0 };
  for (const path of await sample(FILES)) {
    const { rows, unknown, mismatches, examples } = await compareToReadelf(path);
    assertEquals(mismatches, 0, `${path}\n${examples.join("\n")}`);
    totals.files++;
    totals.rows += rows;
    totals.unknown += unknown;
  }
  assertGreaterOrEqual(totals.files, 200);
  assertGreaterOrEqual(totals.rows, 100_000);
  assertLessOrEqual(totals.unknown, totals.rows / 100_000);
});

testWith(
  ["llvm-dwarfdump"],
  "compileUnwindTable() agrees with llvm-dwarfdump, to the letter of expressions",
  async (t) => {
    let expressions = 0;
    // Not libgcrypt: LLVM forgets the CFA's offset where a register follows an expression.
    for (const path of NAMED.slice(0, 5).filter(isFile)) {
      await t.step(path, async () => {
        const { table } = await compileFile(path);
        const { mismatches, examples } = compareSteps(
          await dwarfdumpSteps(path),
          tableSteps(table, dwarfdumpRule),
        );
        assertEquals(mismatches, 0, examples.join("\n"));
        for (let i = 2; i < table.rules.length / 4; i++) {
          if (ruleOf(table.rules, i).cfa !== CFA_REGISTER) expressions++;
        }
      });
    }
    assertGreaterOrEqual(expressions, 5);
  },
);

Deno.test("compileUnwindTable() gives the same table without section headers", async () => {
  for (const path of ["/bin/true", ...NAMED.slice(0, 5)].filter(isFile)) {
    const whole = await Deno.readFile(path);
    const { table } = await compileUnwindTable(memorySource(whole));
    // e_shoff, e_shnum and e_shstrndx.
    const stripped = whole.slice().fill(0, 40, 48).fill(0, 60, 64);
    assertEquals((await compileUnwindTable(memorySource(stripped))).table, table, path);
  }
});

const SOURCE = `
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
static jmp_buf back;
__attribute__((noinline)) static int leaf(int n) { char room[4096]; memset(room, n, n & 4095); return room[n & 63]; }
__attribute__((noinline)) static int deep(int n) { return n <= 0 ? leaf(n) : deep(n - 1) + leaf(n); }
__attribute__((noinline, force_align_arg_pointer)) int aligned(int n) {
  char room[64] __attribute__((aligned(64))); char more[n + 1]; memset(room, n, 64); more[n] = room[n & 63];
  return deep(n) + more[n];
}
int main(int argc, char **argv) {
  if (setjmp(back) == 0 && argc > 5) longjmp(back, 1);
  return printf("%s %d\\n", argv[0], aligned(argc)) < 0;
}`;

/** Compiler options of each kind of build, and whether its sections and functions are in unusual places. */
const BUILDS: readonly [name: string, options: readonly string[]][] = [
  ["PIE", ["-pie", "-fPIE"]],
  ["no PIE", ["-no-pie", "-fno-pie"]],
  ["static", ["-static", "-fno-pie", "-no-pie"]],
  ["static PIE", ["-static-pie", "-fPIE"]],
  ["stripped", ["-s"]],
  ["with frame pointers", ["-fno-omit-frame-pointer"]],
  ["unoptimised", ["-O0"]],
  ["in one segment", ["-Wl,-z,noseparate-code"]],
  ["at another address", ["-no-pie", "-fno-pie", "-Wl,-Ttext-segment=0x12340000"]],
  ["without .eh_frame_hdr", ["-Wl,--no-eh-frame-hdr"]],
  ["functions in sections, collected", ["-ffunction-sections", "-Wl,--gc-sections"]],
  ["linked by gold", ["-fuse-ld=gold"]],
  ["with .debug_frame", ["-g", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"]],
  ["with .debug_frame compressed", [
    "-g",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-gz=zlib",
  ]],
];

testWith(
  ["gcc", "readelf"],
  "compileUnwindTable() agrees with readelf on builds of every kind",
  async (t) => {
    const folder = await Deno.makeTempDir();
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    await Deno.writeTextFile(`${folder}/program.c`, SOURCE);
    for (const [i, [name, options]] of BUILDS.entries()) {
      await t.step(name, async () => {
        const path = `${folder}/program${i}`;
        const args = ["-O2", "-fomit-frame-pointer", ...options, "-o", path, `${folder}/program.c`];
        const { success, stderr } = await new Deno.Command("gcc", { args }).output();
        assertEquals(success, true, new TextDecoder().decode(stderr));
        const { rows, mismatches, examples } = await compareToReadelf(path);
        assertEquals(mismatches, 0, examples.join("\n"));
        assertGreaterOrEqual(rows, 20);
        await coversCode(path);
      });
    }
  },
);

/** Addresses are those of program headers: some row must be in the executable segment. */
async function coversCode(path: string): Promise<void> {
  const source = memorySource(await Deno.readFile(path));
  const code = readElf(source).segments.find(({ executable }) => executable)!;
  const { table } = await compileUnwindTable(source);
  const page = Math.floor(code.address / 65_536);
  assertEquals(table.pages.some((p) => p >= page && p * 65_536 < code.address + code.fileSize), true);
}

testWith(["readelf"], "compileUnwindTable() reads the vDSO from memory", async () => {
  const line = (await Deno.readTextFile("/proc/self/maps")).split("\n").find((line) =>
    line.endsWith("[vdso]")
  )!;
  const [from, to] = /^([0-9a-f]+)-([0-9a-f]+)/.exec(line)!.slice(1).map((text) => parseInt(text, 16));
  using memory = await Deno.open("/proc/self/mem");
  await memory.seek(from!, Deno.SeekMode.Start);
  const image = new Uint8Array(to! - from!);
  assertEquals(await memory.read(image), image.length);
  const path = await Deno.makeTempFile();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(path));
  await Deno.writeFile(path, image);
  const { table, losses } = await compileUnwindTable(memorySource(image));
  const { rows, mismatches, examples } = compareSteps(
    await readelfSteps(path),
    tableSteps(table, readelfRule),
  );
  assertEquals(mismatches, 0, examples.join("\n"));
  assertEquals(losses.size, 0);
  assertGreaterOrEqual(rows, 5);
});

testWith(["readelf"], "compareSteps() notices a row that differs, is missing, or is too much", async () => {
  const theirs = await readelfSteps("/bin/true");
  const { table } = await compileFile("/bin/true");
  const ours = tableSteps(table, readelfRule);
  const at = ours.address.length >> 1;
  const differs = { ...ours, text: ours.text.with(at, "rsp+8 u c-16") };
  const missing = { address: ours.address.toSpliced(at, 1), text: ours.text.toSpliced(at, 1) };
  const surplus = {
    address: ours.address.toSpliced(at, 0, ours.address[at]! - 1),
    text: ours.text.toSpliced(at, 0, "rsp+8 u c-16"),
  };
  for (const wrong of [differs, missing, surplus]) assertEquals(compareSteps(theirs, wrong).mismatches, 1);
});
