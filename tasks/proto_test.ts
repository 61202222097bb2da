// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { generate, GENERATED } from "./proto.ts";

const COMMITTED = new URL("../proto/gen", import.meta.url).pathname;

Deno.test("proto/gen is what protoc makes of proto/", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await generate(folder);
    for (const path of GENERATED) {
      assertEquals(await source(`${folder}/${path}`), await source(`${COMMITTED}/${path}`), path);
    }
    assertEquals(
      await Deno.readFile(`${folder}/aperture.binpb`),
      await Deno.readFile(`${COMMITTED}/aperture.binpb`),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Returns the text without the line that names protoc's version: any that makes the same code will do. */
async function source(path: string): Promise<string> {
  return (await Deno.readTextFile(path)).replace(/^\/\/\s+protoc\s.*$/m, "");
}
