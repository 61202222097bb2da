// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import { MemoryFolder } from "./memory_folder.ts";
import { testWith } from "./needs.ts";
import { run, TempFolder } from "./programs.ts";

function mountsAt(path: string): string[] {
  return Deno.readTextFileSync("/proc/mounts").split("\n").map((line) => line.split(" "))
    .filter(([, point]) => point === path).map(([, , type]) => type!);
}

testWith(
  ["root"],
  "MemoryFolder holds files, and leaves neither them nor a mount, whoever has one open",
  () => {
    let path;
    let open;
    {
      using folder = new MemoryFolder();
      path = folder.path;
      // A container's root may not mount.
      assert(["", "tmpfs"].includes(mountsAt(path).join()), mountsAt(path).join());
      Deno.writeTextFileSync(`${path}/file`, "text");
      open = Deno.openSync(`${path}/file`);
    }
    open.close();
    assertEquals(mountsAt(path), []);
    assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
  },
);

testWith(
  ["root"],
  "MemoryFolder removes what a run that was killed has left, and nothing of one that lives",
  async () => {
    using parent = new TempFolder();
    const script = `import { MemoryFolder } from ${JSON.stringify(import.meta.resolve("./memory_folder.ts"))};
      const folder = new MemoryFolder();
      Deno.writeTextFileSync(folder.path + "/file", "text");
      console.log(folder.path);
      setInterval(() => {}, 1e6);`;
    const start = async () => {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["eval", "--quiet", script],
        env: { TMPDIR: parent.path },
        stdin: "null",
        stdout: "piped",
      }).spawn();
      const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { value } = await output.read();
      return { child, output, path: value!.trim() };
    };
    const end = async ({ child, output }: Awaited<ReturnType<typeof start>>) => {
      child.kill("SIGKILL");
      await child.status;
      await output.cancel();
    };
    const killed = await start();
    await end(killed);
    assertEquals(Deno.readTextFileSync(`${killed.path}/file`), "text");
    const living = await start();
    assertEquals(mountsAt(killed.path), []);
    assertThrows(() => Deno.statSync(killed.path), Deno.errors.NotFound);
    const last = await start();
    assertEquals(Deno.readTextFileSync(`${living.path}/file`), "text");
    await end(living);
    await end(last);
    for (const { path } of [living, last]) {
      if (mountsAt(path).length > 0) run("umount", ["--lazy", path]);
    }
  },
);
