// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { jcmd, makeMark } from "./attach.ts";

Deno.test("makeMark() gives nobody a file that was put in the place of its own", () => {
  using folder = new TempFolder();
  const mine = folder.write("mine", "");
  const path = `${folder.path}/mark`;
  const before = Deno.statSync(mine);
  {
    using _mark = makeMark(path, () => {
      Deno.removeSync(path);
      Deno.symlinkSync(mine, path);
      return { uid: 12_345, gid: 12_345 };
    });
    const { uid, gid } = Deno.statSync(mine);
    assertEquals([uid, gid], [before.uid, before.gid]);
  }
  // The link went, and not what it led to.
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["mine"]);
});

Deno.test("makeMark() gives its file to its owner, and follows no link", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/mark`;
  const owner = { uid: Deno.uid() === 0 ? 12_345 : Deno.uid(), gid: Deno.gid() };
  {
    using _mark = makeMark(path, () => owner);
    assertEquals(Deno.statSync(path).uid, owner.uid);
  }
  Deno.symlinkSync(`${folder.path}/elsewhere`, path);
  assertThrows(() => makeMark(path, () => owner));
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["mark"]);
});

/** Returns a process whose socket is there, and who listens at it. */
function listening(folder: TempFolder): { process: Parameters<typeof jcmd>[0]; listener: Deno.UnixListener } {
  Deno.mkdirSync(`${folder.path}/root/tmp`, { recursive: true });
  const listener = Deno.listen({ transport: "unix", path: `${folder.path}/root/tmp/.java_pid7` });
  return { process: { pid: 1 << 22, ownPid: 7, folder: folder.path }, listener };
}

Deno.test("jcmd() returns what the JVM answers", async () => {
  using folder = new TempFolder();
  const { process, listener } = listening(folder);
  using _listener = listener;
  const answering = (async () => {
    using connection = await listener.accept();
    const bytes = new Uint8Array(100);
    const length = await connection.read(bytes);
    await connection.write(new TextEncoder().encode("0\ndone"));
    return new TextDecoder().decode(bytes.subarray(0, length ?? 0));
  })();
  assertEquals(await jcmd(process, "Compiler.perfmap", new AbortController().signal), "done");
  assertEquals(await answering, "1\0jcmd\0Compiler.perfmap\0\0\0");
});

Deno.test("jcmd() waits no longer for a JVM that does not answer once it is told to stop", async () => {
  using folder = new TempFolder();
  const { process, listener } = listening(folder);
  using _listener = listener;
  const stop = new AbortController();
  const asked = listener.accept();
  const answer = jcmd(process, "Compiler.perfmap", stop.signal);
  using _connection = await asked;
  stop.abort(new Error("stopped"));
  await assertRejects(() => answer, Error, "stopped");
});
