// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { shortRustName } from "./short_rust.ts";

const NAMES = {
  "core::mem::swap::<u32>": "core::mem::swap",
  "core::ptr::drop_in_place<alloc::string::String>": "core::ptr::drop_in_place",
  "<alloc::vec::Vec<u8>>::push": "alloc::vec::Vec::push",
  "<alloc::vec::Vec<T,A> as core::ops::drop::Drop>::drop": "<alloc::vec::Vec as core::ops::drop::Drop>::drop",
  "<<a::B<T> as c::D>::E as f::G<H>>::i": "<<a::B as c::D>::E as f::G>::i",
  "<[u8]>::len": "<[u8]>::len",
  "<&mut a::B<u8> as c::D>::e": "<&mut a::B as c::D>::e",
  "<fn(u8) -> a::B<u16> as c::D>::e": "<fn(u8) -> a::B as c::D>::e",
  "<dyn for<'a> core::ops::Fn<(&'a u8,)> + Send as a::B>::c": "<dyn core::ops::Fn + Send as a::B>::c",
  "<for<'a> fn(&'a u8) as a::B>::c": "<fn(&'a u8) as a::B>::c",
  "core::str::<impl str>::find": "core::str::<impl str>::find",
  "a::<impl b::C<T> for d::E<U>>::f": "a::<impl b::C for d::E>::f",
  "a::b::{closure#0}::<u8>": "a::b::{closure#0}",
  "a::b::{{closure}}": "a::b::{{closure}}",
  "<a::C<'<'>>::show": "a::C::show",
  'a::f::<"x > y\\"">': "a::f",
  "a::f::<{&1}>": "a::f",
  "a::f::<fn() -> u8>::g": "a::f::g",
  "": "",
};

Deno.test("shortRustName() keeps what names a function", () => {
  for (const [name, short] of Object.entries(NAMES)) assertEquals(shortRustName(name), short);
});

Deno.test("shortRustName() takes junk, makes nothing longer, and a short name no shorter", () => {
  const part = fc.constantFrom(
    ...["<", ">", "(", ")", "[", "]", "{", "}", "::", " ", "->", "a", "as", "for", "impl ", "'", '"', "&"],
  );
  const junk = fc.oneof(fc.array(part, { maxLength: 40 }).map((parts) => parts.join("")), fc.string());
  fc.assert(
    fc.property(junk, (name) => {
      const short = shortRustName(name);
      assert(short.length <= name.length, short);
      assertEquals(shortRustName(short), short);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("shortRustName() leaves a name alone whose brackets do not match", () => {
  for (const name of ["a<b", "a>b", "a(b", "a)b", "a<(b>)", "a[b", "a{b", "a}b", "f(int)::g>"]) {
    assertEquals(shortRustName(name), name);
  }
});

Deno.test("shortRustName() takes brackets in any depth and number", () => {
  const many = 200_000;
  for (const [open, close] of [["<", ">"], ["(", ")"], ["a<", ">"], ["[", "]"], ["{", "}"]]) {
    for (const name of [open!.repeat(many), open!.repeat(many) + close!.repeat(many), close!.repeat(many)]) {
      assert(shortRustName(`a${name}`).length <= name.length + 1);
    }
    assert(shortRustName(`a${(open! + close!).repeat(many)}`).length <= 3 * many + 1);
  }
});
