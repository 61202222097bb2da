// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { unwinderBytes } from "./open_parts.ts";

Deno.test("unwinderBytes() is a quarter of all, but at least 4 MiB, and never more than half", () => {
  const of = (mebibytes: number) => unwinderBytes(mebibytes * 2 ** 20) / 2 ** 20;
  assertEquals([4, 7, 8, 15, 16, 20, 64, 1024].map(of), [0, 0, 4, 4, 4, 5, 16, 256]);
});
