// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { until } from "../../tests/support/until.ts";
import { programNumber } from "./program.ts";
import { innermostPid, parseStat, ProcessTable, RENEW_MS } from "./processes.ts";

const MAPS = "1000-2000 r-xp 00000000 fe:00 5 /usr/bin/demo\n";

/** Writes a process into a folder that is laid out as /proc. */
function writeProcess(
  folder: TempFolder,
  pid: number,
  { startTime = 7, comm = "demo", maps = MAPS, startStack = 0 } = {},
) {
  const zeros = Array(18).fill("0").join(" ");
  const code = startStack === 0 ? 0 : 4096;
  folder.write(
    `${pid}/stat`,
    `${pid} (${comm}) S ${zeros} ${startTime} 0 0 0 0 ${code} ${startStack}\n`,
  );
  folder.write(`${pid}/status`, `Name:\t${comm}\nNSpid:\t${pid}\t12\n`);
  folder.write(`${pid}/maps`, maps);
}

Deno.test("ProcessTable.get() reads this process as the system does", () => {
  const process = new ProcessTable().get(Deno.pid)!;
  assertEquals(process.exe, Deno.realPathSync(Deno.execPath()));
  assertEquals(process.comm, Deno.readTextFileSync("/proc/self/comm").trimEnd());
  assert(process.mappings.some((m) => m.path === process.exe));
});

Deno.test("ProcessTable.get() reads a process once a window and keeps equal mappings", () => {
  using folder = new TempFolder();
  writeProcess(folder, 40);
  const table = new ProcessTable({ procRoot: folder.path });
  const first = table.get(40)!;
  assertEquals(first.ownPid, 12);
  writeProcess(folder, 40, { maps: MAPS + "5000-6000 r-xp 00000000 fe:00 6 /usr/lib/late.so\n" });
  assertStrictEquals(table.get(40), first);
  table.endWindow();
  const second = table.get(40)!;
  assertEquals(second.mappings.map((m) => m.path), ["/usr/bin/demo", "/usr/lib/late.so"]);
  assertStrictEquals(second.mappings[0], first.mappings[0]);
  assertEquals(table.stats, { processes: 1, reads: 2, gone: 0 });
});

Deno.test("ProcessTable.get() does not take a new process for an old one of the same pid", () => {
  using folder = new TempFolder();
  writeProcess(folder, 40);
  const table = new ProcessTable({ procRoot: folder.path });
  const first = table.get(40)!;
  table.endWindow();
  writeProcess(folder, 40, { startTime: 8 });
  assert(table.get(40)!.mappings[0] !== first.mappings[0]);
});

Deno.test("ProcessTable.get() counts who is gone, and gives what it knew for that window", () => {
  using folder = new TempFolder();
  writeProcess(folder, 40);
  const table = new ProcessTable({ procRoot: folder.path });
  const first = table.get(40);
  table.endWindow();
  Deno.removeSync(`${folder.path}/40`, { recursive: true });
  assertStrictEquals(table.get(40), first);
  assertEquals(table.get(41), undefined);
  assertEquals(table.stats.gone, 2);
  table.endWindow();
  assertEquals(table.get(40), undefined);
});

Deno.test("ProcessTable.get() reads a process that is observed again once it may be another one", () => {
  using folder = new TempFolder();
  writeProcess(folder, 40);
  let now = 0;
  const table = new ProcessTable({ procRoot: folder.path, clock: () => now });
  const first = table.observe(40)!;
  for (let window = 0; window < 3; window++) {
    assertStrictEquals(table.get(40), first);
    assertStrictEquals(table.readWithin(40, { maxAgeMs: RENEW_MS }), first);
    table.endWindow();
  }
  assertEquals(table.stats.reads, 1);
  writeProcess(folder, 40, { comm: "other" }); // As after an exec.
  assertEquals(table.get(40)!.comm, "other");
  table.endWindow();
  now = RENEW_MS;
  writeProcess(folder, 40, {
    comm: "other",
    maps: MAPS + "5000-6000 r-xp 00000000 fe:00 6 /usr/lib/late.so\n",
  });
  assertEquals(table.get(40)!.mappings.length, 2);
  assertEquals(table.stats, { processes: 1, reads: 3, gone: 0 });
});

Deno.test("ProcessTable.get() tells what a process ran before an exec, and that it does no more", () => {
  using folder = new TempFolder();
  const [first, second, never] = [32, 48, 64].map((startStack) => programNumber(startStack, 4096));
  writeProcess(folder, 40, { startStack: 32 });
  const table = new ProcessTable({ procRoot: folder.path });
  assertEquals(table.observe(40)!.program, first);
  writeProcess(folder, 40, { startStack: 48, maps: "1000-2000 r-xp 00000000 fe:00 6 /usr/bin/other\n" });
  const path = (pid: number, program?: number) => table.get(pid, program)?.mappings[0]?.path;
  // The same name, and observed a moment ago.
  assertEquals(path(40), "/usr/bin/other");
  assertEquals([path(40, first), path(40, second), path(40, never)], [
    "/usr/bin/demo",
    "/usr/bin/other",
    undefined,
  ]);
  assertEquals([first, second].map((program) => table.get(40, program)!.past), [true, false]);
  // A child that ended before it was read ran what its parent does.
  assertEquals([path(41, second), path(41, never)], ["/usr/bin/other", undefined]);
  for (let window = 0; window < 3; window++) {
    assertEquals(path(40, second), "/usr/bin/other");
    table.endWindow();
  }
  assertEquals(path(40, first), undefined);
});

Deno.test("ProcessTable.get() gives a process whose program is not told for any", () => {
  using folder = new TempFolder();
  writeProcess(folder, 40);
  const table = new ProcessTable({ procRoot: folder.path });
  assertStrictEquals(table.get(40, 5), table.get(40));
});

Deno.test("ProcessTable.ended() gives what was known of a process, until the window ends, and reads nothing", () => {
  using folder = new TempFolder();
  const [own, never] = [32, 64].map((startStack) => programNumber(startStack, 4096));
  writeProcess(folder, 40, { startStack: 32 });
  const table = new ProcessTable({ procRoot: folder.path });
  const observed = table.observe(40);
  // What has its number by now is another one.
  writeProcess(folder, 40, { startTime: 8, startStack: 64 });
  assertStrictEquals(table.ended(40, own), observed);
  assertStrictEquals(table.ended(40), observed);
  assertEquals([table.ended(40, never), table.ended(41), table.ended(41, never)], [
    undefined,
    undefined,
    undefined,
  ]);
  // A child ran what its parent does.
  assertEquals(table.ended(41, own), { ...observed!, pid: 41, past: true });
  assertEquals(table.stats.reads, 1);
  table.endWindow();
  assertEquals([table.stats.processes, table.ended(40)], [0, undefined]);
});

Deno.test("ProcessTable.observe() has nothing of a process that is gone, but get() has what was known", () => {
  using folder = new TempFolder();
  writeProcess(folder, 40);
  const table = new ProcessTable({ procRoot: folder.path });
  const first = table.observe(40);
  Deno.removeSync(`${folder.path}/40`, { recursive: true });
  assertEquals([table.observe(40), table.readWithin(40, { maxAgeMs: 1000 })], [undefined, undefined]);
  table.endWindow();
  assertStrictEquals(table.get(40), first);
  table.endWindow();
  assertEquals(table.stats.processes, 0);
});

Deno.test("ProcessTable.get() skips and counts a process that exits while it is read", () => {
  using folder = new TempFolder();
  writeProcess(folder, 40);
  Deno.removeSync(`${folder.path}/40/maps`); // Its stat was still there.
  const table = new ProcessTable({ procRoot: folder.path });
  assertEquals(table.get(40), undefined);
  assertEquals(table.stats, { processes: 1, reads: 1, gone: 1 });
});

Deno.test("ProcessTable.get() has nothing of a process that has exited but was not waited for", async () => {
  // The shell becomes a sleep that never waits for its child.
  await using parent = await RunningProgram.start("/bin/sh", [
    "-c",
    "sleep 1000 & echo $!; exec sleep 1000",
  ]);
  const pid = Number(parent.firstLine);
  await until(() => Deno.readTextFileSync(`/proc/${parent.pid}/comm`) === "sleep\n");
  // The shell itself would wait for it.
  Deno.kill(pid, "SIGKILL");
  await until(() => /^State:\tZ/m.test(Deno.readTextFileSync(`/proc/${pid}/status`)));
  const table = new ProcessTable();
  assertEquals(table.get(pid), undefined);
  assertEquals(table.stats.gone, 1);
});

Deno.test("ProcessTable keeps to its capacity and forgets who is idle", () => {
  using folder = new TempFolder();
  for (const pid of [1, 2, 3]) writeProcess(folder, pid);
  const table = new ProcessTable({ procRoot: folder.path, capacity: 2, idleWindows: 2 });
  for (const pid of [1, 2, 3]) table.get(pid);
  assertEquals(table.stats.processes, 2);
  table.endWindow();
  assertEquals(table.stats.processes, 2);
  table.endWindow();
  table.endWindow();
  assertEquals(table.stats.processes, 0);
});

Deno.test("parseStat() reads a name that holds spaces and parentheses", () => {
  const rest = Array.from({ length: 30 }, (_, i) => i + 3).join(" ");
  assertEquals(parseStat(`7 (a) b (c) S ${rest.slice(2)}`), {
    comm: "a) b (c",
    state: "S",
    startTime: 22,
    program: programNumber(28, 27),
  });
  assertEquals(parseStat("7 (a S 1 2"), undefined);
  assertEquals(parseStat("7 (a) S 1 2"), undefined);
  assertEquals(parseStat(""), undefined);
});

Deno.test("innermostPid() takes the last pid, and knows kernels without namespaces", () => {
  assertEquals(innermostPid("Name:\tx\nNSpid:\t900\t7\t1\nNSpgid:\t1\n"), 1);
  assertEquals(innermostPid("NSpid:\t900\n"), 900);
  assertEquals(innermostPid("Name:\tx\n"), undefined);
});
