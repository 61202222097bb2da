// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import { existsSync } from "node:fs";
import { cached } from "./cache.ts";

async function withCache(use: (name: string, folder: string) => Promise<void>): Promise<void> {
  const name = `tests/cache-${crypto.randomUUID()}`;
  const folder = new URL(`../../.tools/${name}`, import.meta.url).pathname;
  try {
    await use(name, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("cached() makes a file once, and at once the same for all", async () => {
  await withCache(async (name) => {
    let made = 0;
    const make = (path: string) => Deno.writeTextFile(path, `made ${++made}`);
    const paths = await Promise.all([1, 2, 3].map(() => cached(name, "a", make)));
    const [path] = new Set(paths);
    assertEquals(new Set(paths).size, 1);
    const before = made;
    assertEquals(await cached(name, "a", make), path);
    assertEquals(made, before);
    assert((await Deno.readTextFile(path!)).startsWith("made "));
  });
});

Deno.test("cached() leaves nothing of what could not be made", async () => {
  await withCache(async (name, folder) => {
    const fail = async (path: string) => {
      await Deno.writeTextFile(path, "half");
      throw new Error("no space");
    };
    await assertRejects(() => cached(name, "a", fail), Error, "no space");
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("cached() removes what no run asked for", async () => {
  await withCache(async (name) => {
    const make = (path: string) => Deno.writeTextFile(path, "");
    const [old, used] = [await cached(name, "old", make), await cached(name, "used", make)];
    for (const path of [old, used]) await Deno.utime(path, 0, 0);
    await cached(name, "used", make);
    await cached(name, "new", make);
    assertEquals([existsSync(old), existsSync(used)], [false, true]);
  });
});
