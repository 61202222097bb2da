// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import { MemoryFolder } from "./memory_folder.ts";
import { testWith } from "./needs.ts";

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
