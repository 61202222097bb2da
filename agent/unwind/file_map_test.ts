// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { elfImage, Frames } from "../../tests/support/elf_image.ts";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { build } from "../../tasks/build.ts";
import { BpfObject, FILE_KEY, KNOWN_FILE, NAME_BYTES, WANTED_FILE } from "../libbpf/mod.ts";
import type { CodeFile } from "../elf/code_file.ts";
import { CodeFiles } from "../elf/code_files.ts";
import { RegularFile } from "../../symbols/elf/regular_file.ts";
import { ProcessTable } from "../metadata/processes.ts";
import { FileMap, type ObservedFile, readObservedFile } from "./file_map.ts";
import { UNWIND_OBJECT } from "./unwinder.ts";

const PID = 700;
const START = 0x7f0000001000;

/** The kernel's map, and a `/proc` made by hand, whose processes see the files of `root`. */
class Scene implements Disposable {
  readonly #folder = new TempFolder();
  readonly #object = BpfObject.open(UNWIND_OBJECT);
  readonly files = new CodeFiles();
  readonly tableless = new Set<CodeFile>();
  readonly fileMap: FileMap;
  readonly proc = `${this.#folder.path}/proc`;
  readonly root = `${this.#folder.path}/root`;

  constructor() {
    this.#object.load();
    const tables = { isTableless: (file: CodeFile) => this.tableless.has(file) };
    const processes = new ProcessTable({ procRoot: this.proc });
    this.fileMap = new FileMap(this.map, { files: this.files, tables, processes, procRoot: this.proc });
    for (const pid of [1, PID, "self"]) {
      Deno.mkdirSync(`${this.proc}/${pid}`, { recursive: true });
      Deno.symlinkSync(this.root, `${this.proc}/${pid}/root`);
    }
    Deno.mkdirSync(this.root);
  }

  get map() {
    return this.#object.map("unwind_files");
  }

  /** Writes a file, and what the kernel would know it by. */
  put(name: string, bytes: Uint8Array): DataView<ArrayBuffer> {
    Deno.writeFileSync(`${this.root}/${name}`, bytes);
    return this.keyOf(name);
  }

  keyOf(name: string): DataView<ArrayBuffer> {
    using file = RegularFile.open(`${this.root}/${name}`)!;
    const key = new DataView(new ArrayBuffer(FILE_KEY.size));
    key.setBigUint64(FILE_KEY.inode, BigInt(file.inode), true);
    key.setBigUint64(FILE_KEY.bytes, BigInt(file.size), true);
    key.setBigInt64(FILE_KEY.modified, BigInt(file.modifiedSeconds), true);
    key.setUint32(FILE_KEY.device, file.device, true);
    return key;
  }

  /** The process has these bytes of a file mapped. */
  mapFile(name: string, offset = 0): void {
    const { ino } = Deno.statSync(`${this.root}/${name}`);
    const range = `${START.toString(16)}-${(START + 0x10000).toString(16)}`;
    const line = `${range} r-xp ${offset.toString(16).padStart(8, "0")} fe:00 ${ino}    /${name}\n`;
    Deno.writeTextFileSync(`${this.proc}/${PID}/maps`, line);
    Deno.writeTextFileSync(`${this.proc}/${PID}/stat`, `${PID} (true) S${" 0".repeat(40)}\n`);
    Deno.writeTextFileSync(`${this.proc}/${PID}/status`, "Name:\ttrue\n");
  }

  /** The machine, or the agent, has the root mounted. */
  mount(device: number, looker: 1 | "self" = 1): void {
    const numbers = `${device >>> 20}:${device & 0xfffff}`;
    Deno.writeTextFileSync(`${this.proc}/${looker}/mountinfo`, `26 1 ${numbers} / / rw - ext4 /dev/vda rw\n`);
  }

  observed(key: DataView<ArrayBuffer>, path?: string): ObservedFile {
    return { key, pid: PID, address: START + 0x123, path };
  }

  /** Returns what the kernel finds by the key: the file's number and so on. */
  valueOf(key: DataView<ArrayBuffer>) {
    const bytes = this.map.lookup(key);
    if (bytes === undefined) return undefined;
    const value = new DataView(bytes.buffer);
    return {
      file: value.getUint32(KNOWN_FILE.file, true),
      tableless: value.getUint32(KNOWN_FILE.tableless, true),
      segments: [0, 1, 2, 3, 4, 5].map((i) => Number(value.getBigUint64(KNOWN_FILE.segments + 8 * i, true))),
    };
  }

  [Symbol.dispose](): void {
    this.#object[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }
}

const NOTHING = { file: 0, tableless: 0, segments: [0, 0, 0, 0, 0, 0] };

function testKnown(name: string, fn: (scene: Scene) => void | Promise<void>): void {
  testWith(["bpf", "clang", "readelf"], `FileMap ${name}`, async () => {
    await build("bpf");
    using scene = new Scene();
    await fn(scene);
  });
}

/** Returns offset, size and address as readelf has them. */
function executableSegment(path: string): number[] {
  const line = run("readelf", ["-lW", path]).split("\n").find((line) => /LOAD.*R E/.test(line))!;
  const [, offset, address, , size] = line.trim().split(/ +/);
  return [offset, size, address].map(Number);
}

testKnown("knows a file that a process has mapped", (scene) => {
  const key = scene.put("true", Deno.readFileSync("/bin/true"));
  const [offset, size, address] = executableSegment("/bin/true");
  scene.mapFile("true", offset! - offset! % 4096);
  const likely = scene.fileMap.observe(scene.observed(key));
  assertEquals(likely?.address, 0x123 + address! - offset! % 4096);
  const { id } = likely!.file;
  assertEquals(scene.valueOf(key), { file: id, tableless: 0, segments: [offset!, size!, address!, 0, 0, 0] });
});

testKnown("knows a file whose process is gone by its path on the machine", (scene) => {
  const key = scene.put("true", Deno.readFileSync("/bin/true"));
  assertEquals(scene.fileMap.observe(scene.observed(key, "/true")), undefined);
  assertEquals(scene.valueOf(key), undefined);
  scene.mount(key.getUint32(FILE_KEY.device, true));
  const likely = scene.fileMap.observe(scene.observed(key, "/true"));
  assertEquals(likely?.address, undefined);
  assertEquals(scene.valueOf(key)?.file, likely!.file.id);
});

testKnown("finds a file by its path where only the agent's own mounts can be read", (scene) => {
  const key = scene.put("true", Deno.readFileSync("/bin/true"));
  scene.mount(key.getUint32(FILE_KEY.device, true));
  Deno.removeSync(`${scene.proc}/1/root`);
  scene.mount(key.getUint32(FILE_KEY.device, true), "self");
  const likely = scene.fileMap.observe(scene.observed(key, "/true"));
  assertEquals(scene.valueOf(key)?.file, likely?.file.id);
  assertEquals(likely?.file.path, "/true");
});

testKnown("does not take another file that has the path or the mapping by now", (scene) => {
  const key = scene.put("true", Deno.readFileSync("/bin/true"));
  scene.mount(key.getUint32(FILE_KEY.device, true));
  // Another program at the same address, as after an exec, and another file in its place.
  scene.put("other", Deno.readFileSync("/bin/false"));
  scene.mapFile("other");
  scene.put("third", Deno.readFileSync("/bin/true"));
  Deno.renameSync(`${scene.root}/third`, `${scene.root}/true`);
  assertEquals(scene.fileMap.observe(scene.observed(key, "/true")), undefined);
  assertEquals(scene.valueOf(key), undefined);
});

testKnown("does not take a file that was written since", (scene) => {
  const key = scene.put("true", Deno.readFileSync("/bin/true"));
  scene.mount(key.getUint32(FILE_KEY.device, true));
  scene.mapFile("true");
  Deno.utimeSync(`${scene.root}/true`, 1, 1);
  assertEquals(scene.fileMap.observe(scene.observed(key, "/true")), undefined);
  assertEquals(scene.valueOf(key), undefined);
  const now = scene.keyOf("true");
  assertEquals(scene.valueOf(now), undefined);
  scene.fileMap.observe(scene.observed(now));
  assertEquals(scene.valueOf(now)?.file, 1);
});

testKnown(
  "does not ask again for what is no program, or cannot be opened, while a process has it",
  (scene) => {
    const text = scene.put("text", new TextEncoder().encode("no program"));
    scene.mapFile("text");
    assertEquals(scene.fileMap.observe(scene.observed(text)), undefined);
    assertEquals(scene.valueOf(text), NOTHING);
    const key = scene.put("true", Deno.readFileSync("/bin/true"));
    scene.mapFile("true");
    Deno.removeSync(`${scene.root}/true`);
    assertEquals(scene.fileMap.observe(scene.observed(key)), undefined);
    assertEquals(scene.valueOf(key), NOTHING);
  },
);

testKnown("has no file of more executable segments than the kernel looks at", async (scene) => {
  const frames = new Frames();
  frames.fde(frames.cie(), { start: 0x40_0000, length: 16, code: [] });
  const image = await elfImage({ ehFrame: frames.bytes });
  const view = new DataView(image.buffer);
  for (const at of [64, 120, 176]) for (const i of [0, 4]) view.setUint32(at + i, [1, 5][i / 4]!, true);
  const key = scene.put("three", image);
  scene.mapFile("three");
  const likely = scene.fileMap.observe(scene.observed(key));
  assertEquals(likely!.file.elf.segments.length, 3);
  assertEquals(scene.valueOf(key), NOTHING);
});

testKnown("tells the kernel of a file without a table, where that still knows the file", (scene) => {
  const bytes = Deno.readFileSync("/bin/true");
  const keys = ["a", "b", "c"].map((name) => {
    const key = scene.put(name, bytes);
    scene.mapFile(name);
    scene.fileMap.observe(scene.observed(key));
    return key;
  });
  const file = scene.files.get(1)!;
  assertEquals(keys.map((key) => scene.valueOf(key)?.file), [1, 1, 1]);
  assertEquals(scene.fileMap.fileIds(), [1, 1, 1]);
  scene.map.delete(keys[1]!);
  assertEquals(scene.fileMap.fileIds(), [1, 1]);
  scene.tableless.add(file);
  scene.fileMap.withoutTable(file);
  assertEquals(keys.map((key) => scene.valueOf(key)?.tableless), [1, undefined, 1]);
});

Deno.test("readObservedFile() has a path only where all of its names are whole", () => {
  const names = fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: NAME_BYTES + 2 }), {
    maxLength: (WANTED_FILE.size - WANTED_FILE.names) / NAME_BYTES,
  });
  fc.assert(fc.property(names, (names) => {
    const value = new DataView(new ArrayBuffer(WANTED_FILE.size));
    value.setUint32(WANTED_FILE.depth, names.length, true);
    // As bpf_probe_read_kernel_str copies: up to the end of the text or of its place, whichever is first.
    const texts = names.map((name) => name.replaceAll(/[\0/]/g, "x"));
    for (const [i, text] of texts.entries()) {
      const bytes = new TextEncoder().encode(text).subarray(0, NAME_BYTES - 1);
      new Uint8Array(value.buffer).set(bytes, WANTED_FILE.names + i * NAME_BYTES);
    }
    const whole = texts.length > 0 && texts.every(({ length }) => length < NAME_BYTES - 1);
    const { path } = readObservedFile(new DataView(new ArrayBuffer(FILE_KEY.size)), value);
    assertEquals(path, whole ? `/${texts.toReversed().join("/")}` : undefined);
  }));
});
