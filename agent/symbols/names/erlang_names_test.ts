// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { erlangName } from "./erlang_names.ts";

Deno.test("erlangName() reads functions, what stands before them, and shared parts", () => {
  assertEquals(erlangName("$lists:sort/1"), "lists:sort/1");
  assertEquals(erlangName("$e:'-loop/0-lc$^0/1-0-'/1"), "e:'-loop/0-lc$^0/1-0-'/1");
  assertEquals(erlangName("$erts_beamasm:normal_exit/0-CodeInfoPrologue"), "erts_beamasm:normal_exit/0");
  assertEquals(erlangName("$global::call_bif_shared"), "global::call_bif_shared");
});

Deno.test("erlangName() leaves other names alone", () => {
  for (const name of ["JS:*$:1 /a.js:1:2", "$", "$jit", "lists:sort/1", "int A.$b:c()"]) {
    assertEquals(erlangName(name), undefined);
  }
});
