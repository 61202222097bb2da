// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Form, readForm } from "./amd64.ts";
import { MalformedError, Reader } from "./reader.ts";
import { CFA_DEREF, CFA_INDEXED, CFA_PLT, CFA_REGISTER } from "./rules.ts";

function formOf(...code: number[]): Form | undefined {
  const reader = new Reader(new Uint8Array([...code, 0x99]));
  const form = readForm(reader, code.length);
  assertEquals(reader.position, code.length);
  return form;
}

Deno.test("readForm() knows a register with an offset, and what is stored there", () => {
  // breg6 -16; breg6 -8, deref; breg7 160, deref, plus_uconst 8 and 56 (padded).
  assertEquals(formOf(0x76, 0x70), { kind: CFA_REGISTER, register: 6, offset: -16, add: 0 });
  assertEquals(formOf(0x76, 0x78, 0x06), { kind: CFA_DEREF, register: 6, offset: -8, add: 0 });
  assertEquals(formOf(0x77, 0xa0, 0x01, 0x06, 0x23, 8), {
    kind: CFA_DEREF,
    register: 7,
    offset: 160,
    add: 8,
  });
  assertEquals(formOf(0x77, 0, 0x06, 0x23, 0xb8, 0), { kind: CFA_DEREF, register: 7, offset: 0, add: 56 });
});

Deno.test("readForm() knows the PLT's, whatever the length of its stubs", () => {
  const plt = (threshold: number) =>
    formOf(0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x30 + threshold, 0x2a, 0x33, 0x24, 0x22);
  assertEquals(plt(11), { kind: CFA_PLT, register: 7, offset: 8, add: 11 });
  assertEquals(plt(5), { kind: CFA_PLT, register: 7, offset: 8, add: 5 });
});

Deno.test("readForm() knows the one of OpenSSL's bignum code", () => {
  // breg7 8, breg9 0, lit8, mul, plus, deref, plus_uconst 8
  const form = formOf(0x77, 8, 0x79, 0, 0x38, 0x1e, 0x22, 0x06, 0x23, 8);
  assertEquals(form, { kind: CFA_INDEXED, register: 9, offset: 8, add: 8 });
});

Deno.test("readForm() knows no other form", () => {
  assertEquals(formOf(), undefined);
  assertEquals(formOf(0x06), undefined);
  // fbreg; breg16 (the pc); deref twice; an addition that does not fit; the PLT's with another mask.
  assertEquals(formOf(0x91, 0), undefined);
  assertEquals(formOf(0x80, 0), undefined);
  assertEquals(formOf(0x77, 0, 0x06, 0x06), undefined);
  assertEquals(formOf(0x77, 0, 0x06, 0x23, 0x80, 0x80, 0x02), undefined);
  assertEquals(formOf(0x77, 8, 0x80, 0, 0x37, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22), undefined);
});

Deno.test("readForm() takes any bytes, and reads no others", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 16 }), (bytes) => {
    const reader = new Reader(new Uint8Array([...bytes, 0, 0]));
    try {
      readForm(reader, bytes.length);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return;
    }
    assertEquals(reader.position, bytes.length);
  }));
  assertThrows(() => readForm(new Reader(new Uint8Array(2)), 3), MalformedError);
});
