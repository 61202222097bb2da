// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { engineMemory } from "./memory.ts";

const GIB = 2 ** 30;

Deno.test("engineMemory() is a part of it, within bounds", () => {
  assertEquals(engineMemory(3 * GIB), Math.round(1.2 * GIB));
  assertEquals(engineMemory(GIB / 2), GIB / 2);
  assertEquals(engineMemory(1024 * GIB), 16 * GIB);
});
