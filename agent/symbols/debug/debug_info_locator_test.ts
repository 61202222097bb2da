// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { buildIdOf, sourceLines, type Stripped, strippedSpin } from "../../../tests/support/debug_files.ts";
import { testWith } from "../../../tests/support/needs.ts";
import { run, TempFolder } from "../../../tests/support/programs.ts";
import { DebugInfoLocator, type Downloads } from "./debug_info_locator.ts";
import type { DebugInfoPlace } from "./dwarf/protocol.ts";
import { DebugStore } from "./dwarf/store.ts";
import type { CodeFile } from "../../elf/code_file.ts";
import { CodeFiles } from "../../elf/code_files.ts";
import { Dwarf } from "../../../symbols/libdw/dwarf.ts";
import { RegularFile } from "../../../symbols/elf/regular_file.ts";

const NEEDS = ["gcc", "objcopy", "strip", "readelf", "nm", "eu-addr2line", "dwz"];

/** Returns the file at `path`, mapped by a process whose root folder is `root`. */
function fileOf(path: string, root: string): CodeFile {
  using opened = RegularFile.open(path)!;
  const mapping = { start: 0, end: 0, offset: 0, device: "", inode: opened.inode, path, deleted: false };
  Deno.mkdirSync(`${root}/proc`, { recursive: true });
  run("ln", ["-sfn", root, `${root}/proc/root`]);
  return new CodeFiles().identify(opened, { process: { folder: `${root}/proc` }, mapping })!;
}

/** Returns downloads that note what is asked for. */
function asked(pathOf: Downloads["pathOf"] = () => undefined): Downloads & { readonly wanted: string[] } {
  const wanted: string[] = [];
  return { wanted, want: (buildId) => wanted.push(buildId), pathOf, takeFound: () => [] };
}

function linesAt(place: DebugInfoPlace, { address, size }: Stripped): string[][] {
  using dwarf = new Dwarf();
  using store = new DebugStore(dwarf, 64 << 20);
  const frames = store.frames("program", place, Array.from({ length: size }, (_, i) => address + i));
  assert(typeof frames !== "string", String(frames));
  return frames.map((found) => found.map(({ function: name, file, line }) => `${name} ${file}:${line}`));
}

/** Returns two programs whose debug files share `common`, which they name `link`; and what was known before. */
function shrunk(folder: TempFolder, { link, flags }: { link?: string; flags?: readonly string[] } = {}) {
  const programs = ["shop", "bank"].map((name) => strippedSpin(folder, name, flags));
  const shop = programs[0]!;
  const before = sourceLines(shop);
  const common = `${folder.path}/common.debug`;
  run("dwz", ["-m", common, "-M", link ?? common, ...programs.map(({ debug }) => debug)]);
  assert(run("readelf", ["-SW", shop.debug]).includes(".gnu_debugaltlink"));
  return { shop, common, before };
}

/** Puts a debug file where its build id leads to, below `root`. */
function install(root: string, buildId: string, link: (path: string) => void): string {
  const path = `${root}/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`;
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  link(path);
  return path;
}

for (const format of ["-gdwarf-4", "-gdwarf-5"]) {
  testWith(NEEDS, `a debug file of ${format} that dwz shrank says the same as before`, () => {
    using folder = new TempFolder();
    const { shop, common, before } = shrunk(folder, { flags: [format] });
    install(folder.path, shop.buildId, (path) => Deno.renameSync(shop.debug, path));
    const downloads = asked();
    const locator = new DebugInfoLocator({ downloads, max: 10 });
    const place = locator.of(fileOf(shop.path, folder.path));
    assertEquals([place?.common?.path, downloads.wanted], [common, []]);
    assertEquals(linesAt(place!, shop), before);
    assert(before.some(([innermost]) => innermost!.startsWith("inner_step ")));
    // Else what is compared would not be in that file at all.
    const { common: _, ...alone } = place!;
    assert(linesAt(alone, shop).every(([innermost]) => !innermost?.startsWith("inner_step ")));
  });
}

testWith(
  NEEDS,
  "the file of dwz is found from the folder of the debug file, or of what its build id links to",
  () => {
    for (const linked of [false, true]) {
      using folder = new TempFolder();
      const { shop, common, before } = shrunk(folder, { link: "../../common.debug" });
      const target = `${"../".repeat(5)}shop/debug/program.debug`;
      if (linked) {
        install(folder.path, shop.buildId, (path) => Deno.symlinkSync(target, path));
      } else {
        install(folder.path, shop.buildId, (path) => Deno.renameSync(shop.debug, path));
        Deno.renameSync(common, `${folder.path}/usr/lib/debug/common.debug`);
      }
      const locator = new DebugInfoLocator({ downloads: undefined, max: 10 });
      const place = locator.of(fileOf(shop.path, folder.path));
      assert(place?.common, String(linked));
      assertEquals(linesAt(place, shop), before);
    }
  },
);

testWith(NEEDS, "a file of dwz that is missing, or another, is asked for by its build id", () => {
  using folder = new TempFolder();
  const { shop, common } = shrunk(folder);
  const buildId = buildIdOf(common);
  install(folder.path, shop.buildId, (path) => Deno.copyFileSync(shop.debug, path));
  const given = `${folder.path}/given`;
  Deno.renameSync(common, given);
  for (
    const present of [() => {}, () => Deno.copyFileSync(shop.debug, common), () => run("mkfifo", [common])]
  ) {
    run("rm", ["-f", common]);
    present();
    const downloads = asked();
    const locator = new DebugInfoLocator({ downloads, max: 10 });
    const file = fileOf(shop.path, folder.path);
    assertEquals([locator.of(file)?.common, downloads.wanted], [undefined, [buildId]]);
    assertEquals(locator.missingOf(file), buildId);
  }
  const locator = new DebugInfoLocator({ downloads: asked(() => given), max: 10 });
  assertEquals(locator.of(fileOf(shop.path, folder.path))?.common?.path, given);
});

testWith(NEEDS, "damaged debug files do no harm", () => {
  using folder = new TempFolder();
  const { shop } = shrunk(folder);
  const whole = Deno.readFileSync(shop.debug);
  const path = install(folder.path, shop.buildId, () => {});
  const file = fileOf(shop.path, folder.path);
  // The section headers are at the end, the link before them.
  const byte = fc.tuple(fc.integer({ min: whole.length - 4000, max: whole.length - 1 }), fc.nat(255));
  fc.assert(
    fc.property(fc.array(byte, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1 }), (changes, cut) => {
      const bytes = whole.slice(0, cut < whole.length ? -cut : undefined);
      for (const [at, value] of changes) bytes[at] = value;
      Deno.writeFileSync(path, bytes);
      const locator = new DebugInfoLocator({ downloads: asked(), max: 10 });
      const place = locator.of(file);
      assert(
        place === undefined || place.path === `${folder.path}/proc/root${path.slice(folder.path.length)}`,
      );
    }),
    { numRuns: 200 },
  );
});

testWith(NEEDS, "a file without debug information is asked for until there is some", () => {
  using folder = new TempFolder();
  const shop = strippedSpin(folder, "shop");
  const downloaded = `${folder.path}/downloaded`;
  const downloads = asked((buildId) => buildId === shop.buildId ? downloaded : undefined);
  const locator = new DebugInfoLocator({ downloads, max: 10 });
  const file = fileOf(shop.path, folder.path);
  for (let i = 0; i < 2; i++) assertEquals(locator.of(file), undefined);
  assertEquals(downloads.wanted, [shop.buildId, shop.buildId]);
  Deno.renameSync(shop.debug, downloaded);
  assertEquals(locator.of(file), undefined);
  locator.forget(file);
  assertEquals(locator.of(file)?.path, downloaded);
  assertEquals(downloads.wanted.length, 3);
});
