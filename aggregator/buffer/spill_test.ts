// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { batchBytes, batchMeta } from "../../tests/support/staged.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { takeSpill, writeSpill } from "./spill.ts";
import { StagingBuffer } from "./staging_buffer.ts";

Deno.test("writeSpill() keeps what could not be read beside what it writes, which the next start takes", async () => {
  using folder = new TempFolder();
  const path = `${folder.path}/spill.kv`;
  for (const [run, junk] of ["first", "second"].entries()) {
    const text = junk.repeat(5000);
    await Deno.writeTextFile(path, text);
    await using buffer = await StagingBuffer.open();
    await assertRejects(() => takeSpill(buffer, path));
    assertEquals(await Deno.readTextFile(path), text);
    await buffer.stage(batchBytes(1), batchMeta({ sequence: 1 }));
    await writeSpill(buffer, path);
    assertEquals(await Deno.readTextFile(`${path}.damaged${run === 0 ? "" : ".2"}`), text);
    await using next = await StagingBuffer.open();
    assertEquals([await takeSpill(next, path), next.list()[0]!.sequence], [1, 1]);
  }
});
