// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { timesOpen } from "../../tests/support/descriptors.ts";
import { CODE_ADDRESS, elfImage, Frames } from "../../tests/support/elf_image.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { pageRows } from "../../tests/support/unwind_steps.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { CodeFiles } from "../elf/code_files.ts";
import { compileUnwindTable } from "./compile.ts";
import { PAGE_BYTES } from "./table.ts";
import { UnwindInfos } from "./unwind_infos.ts";

/** The program header of the code is here in an image of elfImage(). */
const CODE_HEADER = 120;

async function library(): Promise<Uint8Array<ArrayBuffer>> {
  const frames = new Frames();
  frames.fde(frames.cie(), { start: CODE_ADDRESS, length: 16, code: [] });
  return await elfImage({ ehFrame: frames.bytes, searchTable: frames.functions });
}

/** Writes a file that a process has mapped. */
function mapped(folder: TempFolder, image: Uint8Array) {
  const path = folder.write("root/library", image);
  const { ino: inode } = Deno.statSync(path);
  const mapping = { start: 0x1000, end: 0x2000, offset: 0, device: "fe:00", inode: inode!, path: "/library" };
  const file = new CodeFiles().of({
    process: { folder: folder.path },
    mapping: { ...mapping, deleted: false },
  })!;
  return { path, file };
}

Deno.test("UnwindInfos.open() has a file open only meanwhile, and knows again what was kept of it", async () => {
  using folder = new TempFolder();
  const { path, file } = mapped(folder, await library());
  const infos = new UnwindInfos();
  let kept;
  {
    using opened = infos.open(file)!;
    opened.keep();
    kept = opened.info;
    assertEquals(timesOpen(path), 1);
  }
  assertEquals(timesOpen(path), 0);
  const page = CODE_ADDRESS / PAGE_BYTES;
  for (let turn = 0; turn < 2; turn++) {
    using opened = infos.open(file)!;
    assertStrictEquals(opened.info, kept);
    const { table } = await opened.info!.compilePages(page, page);
    assertEquals([...table.pages], [page]);
  }
  Deno.writeFileSync(path, new Uint8Array(10));
  assertEquals(infos.open(file), undefined);
  assertEquals(timesOpen(path), 0);
});

Deno.test("UnwindInfos.open() has nothing of a file that is damaged, and closes it", async () => {
  using folder = new TempFolder();
  const image = await library();
  new DataView(image.buffer).setBigUint64(CODE_HEADER + 16, 2n ** 60n, true); // p_vaddr
  const { path, file } = mapped(folder, image);
  {
    using opened = new UnwindInfos().open(file);
    assert(opened);
    assertEquals(opened.info, undefined);
  }
  assertEquals(timesOpen(path), 0);
});

/** Saves registers and makes room in ways that no disassembly of a few instructions tells. */
const LIBRARY = `
void use(void *);
__attribute__((noinline)) long deep(long n) { volatile long a[64]; a[n & 63] = n; use((void *)a); return a[n & 63]; }
long outer(long n) { char room[n + 1]; room[0] = 0; use(room); return deep(n) + deep(n + 1) + room[0]; }
void use(void *p) { asm volatile("" :: "r"(p) : "memory"); }
`;

testWith(
  ["gcc", "objcopy"],
  "UnwindInfos.open() knows of a stripped file what only its debug file has",
  async () => {
    using folder = new TempFolder();
    const flags = "-shared -fPIC -nostdlib -O2 -g -fno-asynchronous-unwind-tables -Wl,--build-id=sha1".split(
      " ",
    );
    const whole = `${folder.path}/whole`;
    run("gcc", [...flags, "-o", whole, folder.write("library.c", LIBRARY)]);
    run("objcopy", ["--only-keep-debug", "--compress-debug-sections", whole, `${folder.path}/debug`]);
    run("objcopy", ["--strip-debug", whole, `${folder.path}/stripped`]);
    const { path, file } = mapped(folder, Deno.readFileSync(`${folder.path}/stripped`));
    const tableOf = async (infos: UnwindInfos) => {
      using opened = infos.open(file)!;
      return pageRows((await opened.info!.compile()).table);
    };
    const wanted = pageRows((await compileUnwindTable(memorySource(Deno.readFileSync(whole)))).table);
    assertNotEquals(await tableOf(new UnwindInfos()), wanted);
    const debug = Deno.readFileSync(`${folder.path}/debug`);
    const { buildId } = file.elf;
    const downloads = { pathOf: (id: string) => id === buildId ? `${folder.path}/debug` : undefined };
    assertEquals(await tableOf(new UnwindInfos(downloads)), wanted);
    const installed = folder.write(
      `root/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`,
      debug,
    );
    assertEquals(await tableOf(new UnwindInfos()), wanted);
    assertEquals([timesOpen(path), timesOpen(installed)], [0, 0]);
  },
);
