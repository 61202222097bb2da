// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { testWith } from "../tests/support/needs.ts";
import { run, TempFolder } from "../tests/support/programs.ts";
import { memorySource } from "./elf/byte_source.ts";
import { packDebugInfo } from "./pack.ts";

testWith(
  ["gcc"],
  "packDebugInfo() says what it will take before it reads it, and reads each byte once",
  () => {
    using folder = new TempFolder();
    const path = `${folder.path}/program`;
    run("gcc", ["-O2", "-g", "-o", path, folder.write("in.c", "int main() { return 0; }\n")]);
    const source = memorySource(Deno.readFileSync(path));
    let [filled, told] = [0, 0];
    const counting = {
      ...source,
      readInto(bytes: Uint8Array<ArrayBuffer>, offset: number) {
        filled += bytes.length;
        return source.readInto(bytes, offset);
      },
    };
    const makeRoom = (bytes: number) => {
      assertEquals(filled, 0);
      told = bytes;
    };
    const packed = packDebugInfo(counting, 1 << 20, { makeRoom })!;
    assertEquals([packed.bytes, filled], [told, told]);
    assert(packed.image.length > told);
    // A file that ends while it is read has nothing.
    assertEquals(packDebugInfo({ ...source, readInto: () => 0 }, 1 << 20), undefined);
    assertEquals(packDebugInfo(source, told - 1), undefined);
  },
);
