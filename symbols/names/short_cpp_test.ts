// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { shortCppName } from "./short_cpp.ts";

const NAMES = {
  "foo(int)": "foo",
  "ns::Foo<int, (char)60>::bar(ns::Foo<int, (char)60> const&) const &": "ns::Foo::bar",
  "foo::bar()::{lambda()#1}::operator()() const": "foo::bar::{lambda()#1}::operator()",
  "foo(int)::{lambda(auto:1)#2}::operator()<int>(int) const": "foo::{lambda()#2}::operator()",
  "f()::{lambda()#2}::__invoke()": "f::{lambda()#2}::__invoke",
  "(anonymous namespace)::foo(int)": "(anonymous namespace)::foo",
  "a::(anonymous namespace)::B<a::(anonymous namespace)::C>::d()": "a::(anonymous namespace)::B::d",
  "Foo::~Foo() [clone .cold]": "Foo::~Foo",
  "operator< <int>(A<int> const&, A<int> const&)": "operator<",
  "std::operator<< <std::char_traits<char> >(std::ostream&, char)": "std::operator<<",
  "A::operator()<int>(int)": "A::operator()",
  "A::operator->()": "A::operator->",
  "A::operator->*(int A::*)": "A::operator->*",
  "A::operator<=>(A const&)": "A::operator<=>",
  "A::operator>>=(int)": "A::operator>>=",
  "A::operator[](int)": "A::operator[]",
  "A::operator,(int)": "A::operator,",
  "A::operator delete[](void*)": "A::operator delete[]",
  "A::operator bool() const": "A::operator bool",
  "A::operator std::vector<int, std::allocator<int> > const&() const": "A::operator std::vector const&",
  'operator"" _km(long double)': 'operator"" _km',
  "my_operator<int>(int)": "my_operator",
  "operators::f(int)": "operators::f",
  "A::foo<(1)<(2)>()": "A::foo",
  "A::foo<((1)>(2)), &(bar(int))>()": "A::foo",
  "f<&A::operator< >(int)": "f",
  "f<decltype (a->b)>(int)": "f",
  "A::bar[abi:cxx11]<int>()": "A::bar",
  "A::{unnamed type#1}::foo()": "A::{unnamed type#1}::foo",
  "guard variable for foo()::x": "guard variable for foo::x",
  "non-virtual thunk to Foo::bar(int) const": "non-virtual thunk to Foo::bar",
  "f(int (*)(char), void (&)())": "f",
  "main": "main",
  "": "",
};

Deno.test("shortCppName() keeps what names a function", () => {
  for (const [name, short] of Object.entries(NAMES)) assertEquals(shortCppName(name), short);
});

Deno.test("shortCppName() takes junk, makes nothing longer, and a short name no shorter", () => {
  const part = fc.constantFrom(
    ...[
      "<",
      ">",
      "(",
      ")",
      "[",
      "]",
      "{",
      "}",
      "::",
      " ",
      "->",
      "a",
      "operator",
      "operator<",
      "{lambda(",
      "#1",
      "const",
      "&",
    ],
  );
  const junk = fc.oneof(fc.array(part, { maxLength: 40 }).map((parts) => parts.join("")), fc.string());
  assertEquals(shortCppName("{lambda(#1)}"), "{lambda()}");
  fc.assert(
    fc.property(junk, (name) => {
      const short = shortCppName(name);
      assert(short.length <= name.length, short);
      assertEquals(shortCppName(short), short);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("shortCppName() leaves a name alone whose brackets do not match", () => {
  for (const name of ["a<b", "a>b", "a(b", "a)b", "a<(b>)", "a[b", "a{b", "a}b", "f(int)::g>"]) {
    assertEquals(shortCppName(name), name);
  }
});

Deno.test("shortCppName() takes brackets in any depth and number", () => {
  const many = 200_000;
  for (const [open, close] of [["<", ">"], ["(", ")"], ["a<", ">"], ["[", "]"], ["{", "}"]]) {
    for (const name of [open!.repeat(many), open!.repeat(many) + close!.repeat(many), close!.repeat(many)]) {
      assert(shortCppName(`a${name}`).length <= name.length + 1);
    }
    assert(shortCppName(`a${(open! + close!).repeat(many)}`).length <= 3 * many + 1);
  }
});
