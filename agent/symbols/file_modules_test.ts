import { assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { type CodeFile, CodeFiles } from "../unwind/code_files.ts";
import { FileModules, type PlacedModule } from "./file_modules.ts";
import { Libdw } from "./libdw/libdw.ts";
import { type MappedFile, Modules } from "./modules.ts";

/** Processes made by hand, each with one file mapped at the same place. */
class Scene implements Disposable {
  readonly folder = new TempFolder();
  readonly files = new CodeFiles();
  readonly #libdw = new Libdw();
  readonly modules = new Modules({ libdw: this.#libdw, tableBytes: 1 << 20 });
  readonly fileModules = new FileModules(this.modules, (id) => this.files.get(id));

  /** The place of a copy of `program` in a process of its own. */
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

  /** Whether functions can be read where the file is said to be. */
  hasFunctions(file: CodeFile): boolean {
    const { module, place } = this.fileModules.of(file.id) as PlacedModule;
    return this.modules.symbols(module, place) !== undefined;
  }

  [Symbol.dispose](): void {
    this.#libdw[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

testWith(["gcc"], "FileModules.of() goes to an equal file where that which was met is gone", () => {
  using scene = new Scene();
  const program = scene.compile("a", 1);
  const first = scene.place("1", program);
  const file = scene.files.of(first)!;
  assertEquals((scene.fileModules.meet(file) as PlacedModule).place, first);
  const second = scene.place("2", program);
  assertEquals(scene.files.of(second), file);
  scene.end("1");
  assertEquals(scene.hasFunctions(file), true);
});

testWith(["gcc"], "FileModules.of() goes to the file that was met while that is there", () => {
  using scene = new Scene();
  const program = scene.compile("a", 1);
  const [first, second] = [scene.place("1", program), scene.place("2", program)];
  const file = scene.files.of(first)!;
  const { module } = scene.fileModules.meet(file) as PlacedModule;
  scene.modules.symbols(module, first);
  assertEquals(scene.files.of(second), file);
  assertEquals(scene.fileModules.of(file.id), { module, place: first });
  assertEquals(scene.modules.of(second) === module, false);
});

testWith(["gcc"], "FileModules.meet() takes no other file that a process has at the place by now", () => {
  using scene = new Scene();
  const place = scene.place("1", scene.compile("a", 1));
  const file = scene.files.of(place)!;
  // An exec of a program at the same address; the inode tells nothing where file systems lie over others.
  scene.end("1");
  const other = scene.place("1", scene.compile("b", 2));
  const changed = { ...place, mapping: { ...place.mapping, inode: other.mapping.inode } };
  file.places.splice(0, 1, changed);
  assertEquals(scene.modules.of(changed)?.path, "/program");
  assertEquals(scene.fileModules.meet(file), undefined);
  assertEquals(scene.fileModules.of(file.id), undefined);
});

testWith(["gcc"], "FileModules.of() remembers what was met when file and process are gone", () => {
  using scene = new Scene();
  const place = scene.place("1", scene.compile("a", 1));
  const file = scene.files.of(place)!;
  const met = scene.fileModules.meet(file);
  scene.end("1");
  assertEquals(scene.fileModules.of(file.id), met);
});
