// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStrictEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { CodeFiles } from "../elf/code_files.ts";
import type { MappedFile } from "../elf/mapped_file.ts";
import { DebugInfoLocator } from "./debug/debug_info_locator.ts";
import { Libdw } from "../../symbols/libdw/libdw.ts";
import { SymbolTables } from "./symbol_tables.ts";

/** Processes made by hand, each with one file mapped at the same place. */
class Scene implements Disposable {
  readonly folder = new TempFolder();
  readonly files = new CodeFiles();
  readonly #libdw = new Libdw();
  readonly tables = new SymbolTables({
    libdw: this.#libdw,
    tableBytes: 1 << 20,
    locator: new DebugInfoLocator({ downloads: undefined, max: 10 }),
  });

  /** Returns the place of a copy of `program` in a process of its own. */
  place(process: string, program: string): MappedFile {
    const path = this.folder.write(`${process}/root/program`, Deno.readFileSync(program));
    const inode = Deno.statSync(path).ino!;
    const mapping = { start: 0x1000, end: 0x2000, offset: 0, device: "fe:00", inode, path: "/program" };
    const folder = `${this.folder.path}/${process}`;
    return { process: { folder }, mapping: { ...mapping, deleted: false } };
  }

  /** Ends a process, whose files go with it. */
  end(process: string): void {
    Deno.removeSync(`${this.folder.path}/${process}`, { recursive: true });
  }

  compile(name: string, result: number): string {
    const source = this.folder.write(`${name}.c`, `int main(void) { return ${result}; }`);
    run("gcc", ["-o", `${this.folder.path}/${name}`, source]);
    return `${this.folder.path}/${name}`;
  }

  [Symbol.dispose](): void {
    this.#libdw[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

testWith(["gcc"], "SymbolTables.of() goes to an equal file where that which was known first is gone", () => {
  using scene = new Scene();
  const program = scene.compile("a", 1);
  const file = scene.files.of(scene.place("1", program))!;
  assertEquals(scene.files.of(scene.place("2", program)), file);
  scene.end("1");
  assertEquals(scene.tables.of(file) !== undefined, true);
});

testWith(
  ["gcc", "nm"],
  "SymbolTables.of() ends a symbol without size where the next function's unwind entry begins",
  () => {
    using scene = new Scene();
    const source = scene.folder.write(
      "a.s",
      `.globl unsized, _start
     .type unsized, @notype
     unsized: .cfi_startproc
     .fill 100, 1, 0x90
     ret
     .cfi_endproc
     hidden: .cfi_startproc
     .fill 5000, 1, 0x90
     ret
     .cfi_endproc
     .globl last
     .type last, @function
     last: .cfi_startproc
     ret
     .cfi_endproc
     .size last, . - last`,
    );
    const path = `${scene.folder.path}/a.so`;
    run("gcc", ["-nostdlib", "-shared", "-o", path, source]);
    const address = Object.fromEntries(
      run("nm", [path]).split("\n").map((line) => [line.split(" ")[2], parseInt(line, 16)]),
    );
    run("strip", [path]);
    const table = scene.tables.of(scene.files.of(scene.place("1", path))!)!;
    assertEquals(
      [0, 100, 101, 5101, 5102].map((offset) => table.find(address.unsized! + offset)),
      ["unsized", "unsized", undefined, undefined, "last"],
    );
    assertEquals(address.hidden! - address.unsized!, 101);
  },
);

testWith(
  ["gcc", "nm"],
  "SymbolTables.of() ends a symbol without size where the next function begins that has no unwind entry",
  () => {
    using scene = new Scene();
    const source = scene.folder.write(
      "a.s",
      `.globl unsized, last
     .type unsized, @function
     unsized: mov %edi, %eax
     1: dec %eax
     jnz 1b
     ret
     after: push %rdi
     call called
     pop %rdi
     ret
     called: lea 1(%rdi), %eax
     .type last, @function
     last: ret`,
    );
    const path = `${scene.folder.path}/a.so`;
    run("gcc", ["-nostdlib", "-shared", "-o", path, source]);
    const address = Object.fromEntries(
      run("nm", [path]).split("\n").map((line) => [line.split(" ")[2], parseInt(line, 16)]),
    );
    run("strip", [path]);
    const table = scene.tables.of(scene.files.of(scene.place("1", path))!)!;
    for (let at = address.unsized!; at <= address.last!; at++) {
      const expected = at < address.after! ? "unsized" : at < address.last! ? undefined : "last";
      assertEquals(table.find(at), expected, `${at - address.unsized!}`);
    }
    assertEquals(address.last! - address.unsized! > 12, true);
  },
);

testWith(["gcc"], "SymbolTables.of() does not read an equal file again", () => {
  using scene = new Scene();
  const program = scene.compile("a", 1);
  const file = scene.files.of(scene.place("1", program))!;
  const table = scene.tables.of(file);
  assertStrictEquals(scene.files.of(scene.place("2", program)), file);
  assertEquals([scene.tables.has(file), scene.tables.of(file) === table], [true, true]);
  assertEquals(scene.tables.stats.opened, 1);
});

testWith(["gcc", "strip"], "SymbolTables.of() reads each copy once until one has all symbols", () => {
  using scene = new Scene();
  const program = scene.compile("a", 1);
  const stripped = `${scene.folder.path}/stripped`;
  run("strip", ["-o", stripped, program]);
  const file = scene.files.of(scene.place("1", stripped))!;
  for (const [process, opened] of [["2", 1], ["3", 2]] as const) {
    for (let i = 0; i < 2; i++) scene.tables.of(file);
    assertEquals([scene.tables.has(file), scene.tables.stats.opened], [true, opened]);
    assertStrictEquals(scene.files.of(scene.place(process, stripped)), file);
    assertEquals([scene.tables.has(file), scene.tables.hasBetterCopy(file)], [false, true]);
  }
  assertStrictEquals(scene.files.of(scene.place("4", program)), file);
  scene.tables.of(file);
  assertEquals(scene.tables.takeImproved(), [file.serial]);
  assertStrictEquals(scene.files.of(scene.place("5", stripped)), file);
  assertEquals([scene.tables.has(file), scene.tables.stats.opened], [true, 3]);
});

testWith(["gcc"], "SymbolTables.of() takes no other file that a process has at the place by now", () => {
  using scene = new Scene();
  const file = scene.files.of(scene.place("1", scene.compile("a", 1)))!;
  // An exec of a program at the same address; the inode tells nothing where file systems lie over others.
  scene.end("1");
  const other = scene.place("1", scene.compile("b", 2));
  assertEquals(scene.tables.of(file), undefined);
  assertEquals(scene.files.of(other) === file, false);
});

testWith(["gcc"], "SymbolTables.of() remembers what was read when file and process are gone", () => {
  using scene = new Scene();
  const file = scene.files.of(scene.place("1", scene.compile("a", 1)))!;
  const table = scene.tables.of(file);
  scene.end("1");
  assertStrictEquals(scene.tables.of(scene.files.get(file.id)!), table);
});
