// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { RegularFile } from "./regular_file.ts";

Deno.test("RegularFile.open() reads a file, and says what stat says of it", () => {
  using folder = new TempFolder();
  const path = folder.write("file", "hello");
  Deno.symlinkSync(path, `${folder.path}/link`);
  const { ino, size, mtime, uid } = Deno.statSync(path);
  using file = RegularFile.open(`${folder.path}/link`)!;
  assertEquals([file.inode, file.size, file.uid], [ino, size, uid]);
  assertEquals(file.modifiedSeconds, Math.floor(mtime!.getTime() / 1000));
  const [major, minor] = run("stat", ["-c", "%Hd %Ld", path]).trim().split(" ").map(Number);
  assertEquals(file.device, major! * 2 ** 20 + minor!);
  assertEquals(new TextDecoder().decode(file.read(1, 100)), "ello");
  assertEquals(RegularFile.open(`${folder.path}/link`, { follow: false }), undefined);
  assertEquals(RegularFile.open(`${folder.path}/none`), undefined);
  assertEquals(RegularFile.open(folder.path), undefined);
});

testWith(["root", "mknod", "strace"], "RegularFile.open() opens neither device nor pipe", () => {
  using folder = new TempFolder();
  run("mknod", [`${folder.path}/device`, "c", "1", "3"]);
  run("mknod", [`${folder.path}/pipe`, "p"]);
  const script = folder.write(
    "open.ts",
    `import { RegularFile } from ${JSON.stringify(import.meta.resolve("./regular_file.ts"))};
    for (const name of ["device", "pipe", "open.ts"]) console.log(RegularFile.open("${folder.path}/" + name)?.size);`,
  );
  const trace = `${folder.path}/trace`;
  const args = [
    "-f",
    "-qq",
    "-e",
    "trace=open,openat",
    "-o",
    trace,
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    script,
  ];
  const printed = run("strace", args).trim().split("\n");
  assertEquals(printed, ["undefined", "undefined", `${Deno.statSync(script).size}`]);
  const opened = Deno.readTextFileSync(trace).split("\n").filter((line) => /\/(device|pipe)"/.test(line));
  assertEquals(opened.map((line) => line.includes("O_PATH")), [true, true]);
});
