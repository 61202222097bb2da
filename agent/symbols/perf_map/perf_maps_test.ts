// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../../tests/support/needs.ts";
import { TempFolder } from "../../../tests/support/programs.ts";
import type { Process } from "../../metadata/processes.ts";
import { PerfMaps, type PerfMapsOptions } from "./perf_maps.ts";

/** Returns a process in a folder that is laid out as /proc/PID. */
function processIn(folder: TempFolder, overrides: Partial<Process> = {}): Process {
  const base = {
    pid: 40,
    program: 1,
    past: false,
    ownPid: 3,
    startTime: 1,
    comm: "jit",
    exe: "",
    name: "",
    mappings: [],
    folder: folder.path,
  };
  return { ...base, ...overrides };
}

function names(maps: PerfMaps, process: Process, ...addresses: number[]) {
  return addresses.map((address) => maps.find(process, address));
}

Deno.test("PerfMaps.find() reads what was appended once a window, and anew what was replaced", () => {
  using folder = new TempFolder();
  const map = folder.write("root/tmp/perf-3.map", "100 10 one\n20");
  const maps = new PerfMaps();
  const process = processIn(folder);
  assertEquals(names(maps, process, 0x100, 0x200), ["one", undefined]);
  Deno.writeTextFileSync(map, "0 10 two\n", { append: true });
  assertEquals(names(maps, process, 0x200), [undefined]);
  maps.endWindow();
  assertEquals(names(maps, process, 0x100, 0x200), ["one", "two"]);
  Deno.writeTextFileSync(map, "100 10 new\n");
  maps.endWindow();
  assertEquals(names(maps, process, 0x100, 0x200), ["new", undefined]);
});

Deno.test("PerfMaps.find() does not mix what was written anew, in the same file, with what was there", () => {
  const line = fc.record({
    start: fc.integer({ min: 1, max: 40 }),
    name: fc.constantFrom("a", "b", "cc", "ddd"),
  });
  const text = (lines: { start: number; name: string }[]) =>
    lines.map(({ start, name }) => `${(start * 16).toString(16)} 10 ${name}\n`).join("");
  const versions = fc.array(fc.record({ lines: fc.array(line, { maxLength: 12 }), appended: fc.boolean() }), {
    minLength: 2,
    maxLength: 6,
  });
  fc.assert(
    fc.property(versions, (versions) => {
      using folder = new TempFolder();
      const map = folder.write("root/tmp/perf-3.map", "");
      const { ino } = Deno.statSync(map);
      const maps = new PerfMaps();
      let held: { start: number; name: string }[] = [];
      let seconds = 0;
      for (const { lines, appended } of versions) {
        Deno.writeTextFileSync(map, text(lines), { append: appended });
        Deno.utimeSync(map, 0, ++seconds); // As if time passed between.
        held = appended ? [...held, ...lines] : lines;
        maps.endWindow();
        for (let start = 1; start <= 40; start++) {
          const expected = held.findLast((line) => line.start === start)?.name;
          assertEquals(maps.find(processIn(folder), start * 16 + 1), expected);
        }
      }
      assertEquals(Deno.statSync(map).ino, ino);
    }),
    { numRuns: 30 },
  );
});

Deno.test("PerfMaps.find() keeps a map whose process took it away, but not for another process", () => {
  using folder = new TempFolder();
  const map = folder.write("root/tmp/perf-3.map", "100 10 one\n");
  const maps = new PerfMaps();
  const process = processIn(folder);
  assertEquals(names(maps, process, 0x100), ["one"]);
  Deno.removeSync(map);
  maps.endWindow();
  assertEquals(names(maps, process, 0x100), ["one"]);
  assertEquals(names(maps, processIn(folder, { startTime: 2 }), 0x100), [undefined]);
});

Deno.test("PerfMaps reads no more of a file, and holds no more, than it may", () => {
  using folder = new TempFolder();
  folder.write("root/tmp/perf-3.map", "100 10 one\n200 10 two\n");
  folder.write("root/tmp/perf-4.map", "100 10 one\n");
  const options: PerfMapsOptions = { fileBytes: 12, totalBytes: 100 };
  const maps = new PerfMaps(options);
  assertEquals(names(maps, processIn(folder), 0x100, 0x200), ["one", undefined]);
  const before = maps.bytes;
  maps.find(processIn(folder, { pid: 41, ownPid: 4 }), 0x100);
  assert(maps.bytes < before + 10, `${maps.bytes}`); // The first one went.
  for (let i = 0; i < 8; i++) maps.endWindow();
  assertEquals(maps.bytes, 0);
});

Deno.test("PerfMaps holds no more of one map than it may, however short its lines are", () => {
  using folder = new TempFolder();
  folder.write("root/tmp/perf-3.map", "1 1 a\n".repeat(400_000));
  const maps = new PerfMaps({ mapBytes: 1 << 20 });
  assertEquals(names(maps, processIn(folder), 1), ["a"]);
  // A piece of the file is read as a whole: one of three.
  assert(maps.bytes < 20 << 20, `${maps.bytes}`);
  maps.endWindow();
  maps.find(processIn(folder), 1);
  assert(maps.bytes < 20 << 20, `${maps.bytes} in the next window`);
});

Deno.test("PerfMaps reads no other map in a window that has taken too long, nor at the end of a run", () => {
  using folder = new TempFolder();
  let now = 0;
  const maps = new PerfMaps({ coldMs: 10, clock: () => now += 10 });
  const processes = [3, 4, 5].map((pid) => {
    folder.write(`root/tmp/perf-${pid}.map`, `100 10 of${pid}\n`);
    return processIn(folder, { pid, ownPid: pid });
  });
  assertEquals(processes.map((process) => maps.find(process, 0x100)), ["of3", undefined, undefined]);
  assertEquals(maps.postponed, 2);
  maps.endWindow();
  // What is known of the first is not forgotten.
  assertEquals(maps.find(processes[1]!, 0x100), "of4");
  assertEquals(processes.map((process) => maps.find(process, 0x100)), ["of3", "of4", undefined]);
  maps.endWindow();
  maps.endReadingIn(0);
  assertEquals(maps.find(processes[2]!, 0x100), undefined);
});

testWith(["root"], "PerfMaps.find() believes only the process's own user", () => {
  using folder = new TempFolder();
  const map = folder.write("root/tmp/perf-3.map", "100 10 one\n");
  Deno.chownSync(map, 65534, 65534);
  assertEquals(names(new PerfMaps(), processIn(folder), 0x100), [undefined]);
  Deno.chownSync(folder.path, 65534, 65534);
  assertEquals(names(new PerfMaps(), processIn(folder), 0x100), ["one"]);
});

Deno.test("PerfMaps.find() follows no symbolic link", () => {
  using folder = new TempFolder();
  const elsewhere = folder.write("elsewhere", "100 10 one\n");
  folder.write("root/tmp/x", "");
  Deno.symlinkSync(elsewhere, `${folder.path}/root/tmp/perf-3.map`);
  assertEquals(names(new PerfMaps(), processIn(folder), 0x100), [undefined]);
});
