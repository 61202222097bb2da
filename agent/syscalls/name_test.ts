// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { readUnistd, UNISTD } from "../../tasks/syscall_headers.ts";
import { testWith } from "../../tests/support/needs.ts";
import { type Arch, callName } from "./name.ts";

const IA32 = 1 << 16;
const X32 = 2 << 16;
const AARCH32 = 3 << 16;
const PIPE = 1 << 24;
const SOCKET = 3 << 24;

testWith(["clang"], "callName() names all calls that this machine's headers have", async () => {
  let compared = 0;
  for (const [arch, header] of Object.entries(UNISTD)) {
    // Headers of another architecture need not be installed.
    if (!await Deno.stat(header.path).then(() => true, () => false)) continue;
    for (const [number, name] of await readUnistd(header)) {
      const actual = arch === "i386" ? callName(IA32 | number) : callName(number, arch as Arch);
      assertEquals(actual, arch === "i386" ? `ia32:${name}` : name);
      compared++;
    }
  }
  assert(compared > 300, `only ${compared} names`);
});

Deno.test("callName() knows calls that are newer than its tables, on all architectures", () => {
  for (const arch of ["x86_64", "aarch64"] as const) {
    assertEquals([450, 451, 462, 469].map((number) => callName(number, arch)), [
      "set_mempolicy_home_node",
      "cachestat",
      "mseal",
      "file_setattr",
    ]);
  }
  assertEquals(callName(IA32 | 457), "ia32:statmount");
});

Deno.test("callName() gives unknown numbers a name, and all that are none the same", () => {
  assertEquals(callName(1000), "syscall_1000");
  assertEquals(callName(0xffff), "invalid");
  assertEquals(callName(X32 | 0xffff), "invalid");
  assertEquals(callName(IA32 | 0xffff), "ia32:invalid");
});

Deno.test("callName() says which convention a call came by, and what a long read waited for", () => {
  assertEquals(callName(3, "x86_64"), "close");
  assertEquals(callName(IA32 | 3, "x86_64"), "ia32:read");
  assertEquals(callName(X32 | 3, "x86_64"), "x32:close");
  assertEquals(callName(X32 | 513, "x86_64"), "x32:syscall_513");
  assertEquals(callName(AARCH32 | 3, "aarch64"), "aarch32:syscall_3");
  assertEquals(callName(PIPE, "x86_64"), "read(pipe)");
  assertEquals(callName(SOCKET | IA32 | 3, "x86_64"), "ia32:read(socket)");
});
