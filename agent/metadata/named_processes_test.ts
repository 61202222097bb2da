// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../common/main.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { pidsOf, processNamed } from "./named_processes.ts";

Deno.test("pidsOf() finds processes by as much of their name as the kernel keeps", () => {
  using proc = new TempFolder();
  for (const [pid, comm] of [["7", "shopd"], ["12", "shopd"], ["3", "a_name_of_which"], ["self", "shopd"]]) {
    proc.write(`${pid}/comm`, `${comm}\n`);
  }
  Deno.mkdirSync(`${proc.path}/99`);
  assertEquals(pidsOf("shopd", proc.path), [7, 12]);
  assertEquals(pidsOf("a_name_of_which_there_is_more", proc.path), [3]);
  assertEquals(pidsOf("shop", proc.path), []);
});

Deno.test("processNamed() says that there is none", () => {
  assertThrows(
    () => processNamed("no_such_name"),
    UserError,
    "Cannot profile 'no_such_name': there is no process",
  );
});
