// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { calledName } from "./called_name.ts";
import { ProcessTable } from "./processes.ts";

const EXE = "/usr/bin/many";

/** Writes the folder of a process whose root folder has a program and `links` to it, from path to target. */
function processWith(folder: TempFolder, links: Record<string, string>, title = ""): string {
  const file = folder.write(`root${EXE}`, "a program");
  // Whoever looks may have a file of that path, too.
  folder.write("root/usr/bin/other", "another program");
  folder.write("cmdline", `${title}\0-x\0`);
  for (const [path, target] of Object.entries(links)) {
    const at = `${folder.path}/root${path}`;
    Deno.mkdirSync(at.slice(0, at.lastIndexOf("/")), { recursive: true });
    Deno.symlinkSync(target, at);
  }
  return file.slice(0, -`/root${EXE}`.length);
}

Deno.test("calledName() is the link that the process was called by", () => {
  const cases: [comm: string, links: Record<string, string>][] = [
    ["first", { "/usr/bin/first": "many" }],
    ["over-links", { "/usr/bin/over-links": "second", "/usr/bin/second": "many" }],
    // What the link says is a path in the process's own root folder.
    ["absolute", { "/usr/sbin/absolute": EXE }],
    ["up", { "/usr/local/bin/up": "../../bin/many" }],
    ["merged", { "/bin": "usr/bin", "/usr/bin/merged": "/bin/many" }],
  ];
  for (const [comm, links] of cases) {
    using folder = new TempFolder();
    assertEquals(calledName(processWith(folder, links), { exe: EXE, comm }), comm, comm);
  }
});

Deno.test("calledName() is empty for the file's own name, and where no link of the name leads to it", () => {
  const cases: [comm: string, links: Record<string, string>][] = [
    ["many", { "/usr/sbin/many": EXE }],
    ["renamed", {}],
    ["other", {}],
    ["elsewhere", { "/usr/bin/elsewhere": "other" }],
    ["nowhere", { "/usr/bin/nowhere": "gone" }],
    ["itself", { "/usr/bin/itself": "itself" }],
    ["../bin/first", { "/usr/bin/first": "many" }],
    ["", {}],
  ];
  for (const [comm, links] of cases) {
    using folder = new TempFolder();
    assertEquals(calledName(processWith(folder, links), { exe: EXE, comm }), "", comm);
  }
  using folder = new TempFolder();
  assertEquals(calledName(folder.path, { exe: "", comm: "kthreadd" }), "");
});

Deno.test("calledName() has names that the kernel cuts from the first argument", () => {
  const links = { "/usr/bin/longer-than-the-kernel": "many" };
  const of = (title: string, comm = "longer-than-the") => {
    using folder = new TempFolder();
    return calledName(processWith(folder, links, title), { exe: EXE, comm });
  };
  assertEquals(of("/usr/bin/longer-than-the-kernel"), "longer-than-the-kernel");
  assertEquals(of("longer-than-the-kernel *:6379"), "longer-than-the-kernel");
  assertEquals(of("another-title"), "");
  assertEquals(of("longer-than-the-kernel", "another-name-of"), "");
});

Deno.test("ProcessTable tells the link that a process was called by, and the script of one that is a shell", async () => {
  using folder = new TempFolder();
  // The shell is found by what it is called, as that of busybox is: its file has another name.
  Deno.copyFileSync("/bin/sh", `${folder.path}/many`);
  for (const name of ["sh", "worker"]) Deno.symlinkSync("many", `${folder.path}/${name}`);
  const script = folder.write("serve.sh", "echo here\nkill -STOP $$\n");
  await using named = await RunningProgram.start(`${folder.path}/worker`, ["-c", "echo here; kill -STOP $$"]);
  await using shell = await RunningProgram.start(`${folder.path}/sh`, [script]);
  const table = new ProcessTable();
  assertEquals([named, shell].map(({ pid }) => table.get(pid)!.name), ["worker", "serve.sh"]);
});
