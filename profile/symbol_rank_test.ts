// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { RANK } from "./model.ts";
import { symbolRank } from "./symbol_rank.ts";

Deno.test("symbolRank() tells names from offsets in a module, of an address or of where its function begins", () => {
  const of = (name: string, module: string, line = 0) =>
    symbolRank({ function: name, module, line, address: 0x1234 });
  assertEquals(of("libz.so.1+0x1234", "/usr/lib/libz.so.1"), RANK.none);
  assertEquals(of("libz.so.1+0x1200", "/usr/lib/libz.so.1"), RANK.none);
  assertEquals(of("[jit]", "[jit]"), RANK.none);
  assertEquals(of("inflate", "/usr/lib/libz.so.1"), RANK.symbols);
  assertEquals(of("inflate", "/usr/lib/libz.so.1", 7), RANK.debug);
  // The name of a function may have such an end, too.
  assertEquals(of("operator+0x1", "/usr/lib/libz.so.1"), RANK.symbols);
  assertEquals(of("libz.so.1+0x12zz", "/usr/lib/libz.so.1"), RANK.symbols);
  assertEquals(of("+0x12", ""), RANK.symbols);
});
