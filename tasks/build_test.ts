// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertNotEquals } from "@std/assert";
import { testWith } from "../tests/support/needs.ts";
import { build } from "./build.ts";

const OBJECT = new URL("../bpf/build/cpu.bpf.o", import.meta.url);

async function builtAt(): Promise<number | undefined> {
  return (await Deno.stat(OBJECT)).mtime?.getTime();
}

testWith(["clang"], "build() leaves what is up to date, whatever the times of files say", async () => {
  await build("bpf");
  const before = await builtAt();
  await Deno.utime(new URL("../bpf/cpu.bpf.c", import.meta.url), new Date(), new Date());
  await build("bpf");
  assertEquals(await builtAt(), before);
});

testWith(["clang"], "build() makes again what is not of these sources", async () => {
  await build("bpf");
  await Deno.writeTextFile(new URL(`${OBJECT}.sha256`), "of other sources");
  await Deno.utime(OBJECT, 0, 0);
  await build("bpf");
  assertNotEquals(await builtAt(), 0);
});
