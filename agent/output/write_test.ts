// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { UsageError } from "../../common/settings.ts";
import { demoProfile } from "../../tests/support/profiles.ts";
import { checkOutput, outputFiles, outputFormat, writeOutput, type WriteOutputOptions } from "./write.ts";

const OPTIONS: Omit<WriteOutputOptions, "path"> = {
  kind: "cpu",
  node: "n1",
  startNs: 1_700_000_000_000_000_000n,
  durationNs: 10e9,
};

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("outputFormat() goes by the name's end and names those that it knows", () => {
  assertEquals(["a.svg", "b.x.folded", "c.pb.gz", "d.json", "-"].map(outputFormat), [
    "svg",
    "folded",
    "pprof",
    "json",
    "folded",
  ]);
  for (const path of ["flame.png", "flame", "svg", "p.gz", ""]) {
    assertThrows(
      () => outputFormat(path),
      UsageError,
      `.pb.gz, .json, nor is it '-': current value is "${path}"`,
    );
  }
});

Deno.test("checkOutput() finds a missing folder and a folder of that name, and leaves nothing behind", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/d.svg`);
    await Deno.writeTextFile(`${folder}/file`, "");
    await assertRejects(() => checkOutput(`${folder}/none/a.svg`), UsageError, "its folder does not exist");
    await assertRejects(() => checkOutput(`${folder}/file/a.svg`), UsageError, "its folder does not exist");
    await assertRejects(() => checkOutput(`${folder}/d.svg`), UsageError, "it is a folder");
    await assertRejects(
      () => checkOutput("/proc/a.svg"),
      UsageError,
      "Cannot write '--output' as its folder",
    );
    await checkOutput(`${folder}/a.svg`);
    await checkOutput("-");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["d.svg", "file"]);
  });
});

Deno.test("writeOutput() writes each format, readable by others, and nothing beside it", async () => {
  await inFolder(async (folder) => {
    for (const name of ["a.svg", "a.folded", "a.pb.gz", "a.json"]) {
      const path = `${folder}/${name}`;
      await Deno.writeTextFile(path, "old");
      await writeOutput(demoProfile(), { ...OPTIONS, path });
    }
    const text = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
    assertStringIncludes(text("a.svg"), "2023-11-14 22:13:20 UTC · 30 samples in 10.0 s");
    assertStringIncludes(text("a.folded"), "demo;demo;main;hot 180000000\n");
    assert(gunzipSync(Deno.readFileSync(`${folder}/a.pb.gz`)).length > 100);
    assertEquals(JSON.parse(text("a.json")).node, "n1");
    assertEquals([...Deno.readDirSync(folder)].length, 4);
    assertEquals(Deno.statSync(`${folder}/a.svg`).mode! & 0o444, 0o444);
  });
});

Deno.test("writeOutput() leaves no half of a file where the name cannot be taken", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/d.svg`);
    await assertRejects(
      () => writeOutput(demoProfile(), { ...OPTIONS, path: `${folder}/d.svg` }),
      Error,
      "d.svg",
    );
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  });
});

Deno.test("writeOutput() to `-` writes all, and bears a reader that leaves", async () => {
  const written: number[] = [];
  const slow = {
    write(bytes: Uint8Array) {
      written.push(...bytes.subarray(0, 7));
      return Promise.resolve(Math.min(7, bytes.length));
    },
  };
  await writeOutput(demoProfile(), { ...OPTIONS, path: "-", stdout: slow });
  assertStringIncludes(
    new TextDecoder().decode(Uint8Array.from(written)),
    "[idle];idle;main;read;ksys_read 30000000\n",
  );
  const gone = { write: () => Promise.reject(new Deno.errors.BrokenPipe()) };
  await writeOutput(demoProfile(), { ...OPTIONS, path: "-", stdout: gone });
  const full = { write: () => Promise.reject(new Error("No space left on device")) };
  await assertRejects(
    () => writeOutput(demoProfile(), { ...OPTIONS, path: "-", stdout: full }),
    Error,
    "No space",
  );
});

Deno.test("outputFiles() gives each kind a file, but for what holds all", () => {
  const all = ["cpu", "lock", "syscall"] as const;
  assertEquals(outputFiles("a.b/x.pb.gz", all).map(({ path }) => path), [
    "a.b/x.cpu.pb.gz",
    "a.b/x.lock.pb.gz",
    "a.b/x.syscall.pb.gz",
  ]);
  assertEquals(outputFiles("x.json", all), [{ path: "x.json", kind: "cpu" }]);
  assertEquals(outputFiles("x.svg", ["lock"]), [{ path: "x.svg", kind: "lock" }]);
  assertThrows(() => outputFiles("-", all), UsageError, "takes one kind: choose --mode cpu, or --mode lock");
});
