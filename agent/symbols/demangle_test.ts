import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { run } from "../../tests/support/programs.ts";
import { demangle } from "./demangle.ts";

Deno.test("demangle() reads C++ and both schemes of Rust", () => {
  assertEquals(demangle("_ZN3foo3barEv"), "foo::bar()");
  assertEquals(demangle("_ZNK4node6Buffer4sizeEi"), "node::Buffer::size(int) const");
  assertEquals(demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"), "core::fmt::Formatter::pad");
  assertEquals(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
});

Deno.test("demangle() leaves other names as they are", () => {
  for (
    const name of [
      "main",
      "_start",
      "__libc_start_main",
      "runtime.mallocgc",
      "JS:*f a.js:1:2",
      "_Z",
      "_Rx",
      "",
    ]
  ) {
    assertEquals(demangle(name), name);
  }
});

Deno.test("demangle() takes junk", () => {
  const tail = fc.string({ unit: fc.constantFrom(..."NSTEvic0123456789_IKPRh$.B"), maxLength: 60 });
  const name = fc.oneof(
    fc.tuple(fc.constantFrom("_Z", "_ZN", "_R", "__Z", "_RNv"), tail),
    fc.tuple(fc.string()),
  );
  fc.assert(
    fc.property(name, (parts) => {
      assertEquals(typeof demangle(parts.join("")), "string");
    }),
    { numRuns: 2000 },
  );
  assertEquals(demangle("_ZN3foo3barEv"), "foo::bar()"); // It has survived.
});

Deno.test("demangle() leaves a name alone that is too long to be worth it", () => {
  const long = "_Z" + "N".repeat(10_000);
  assertEquals(demangle(long), long);
});

testWith(["c++filt", "nm"], "demangle() agrees with c++filt on a library's functions", () => {
  const lines = run("nm", ["-D", "--defined-only", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"]).split("\n");
  const names = lines.map((line) => /^\w+ [TW] ([^@]+)/.exec(line)?.[1] ?? "").filter((n) =>
    /^_Z[^T]/.test(n)
  );
  const some = names.filter((_, i) => i % 7 === 0);
  const expected = run("c++filt", some).trimEnd().split("\n").map(plain);
  // c++filt gives the return type of templates as well.
  const different = some.filter((name, i) => !expected[i]!.endsWith(plain(demangle(name))));
  assert(some.length > 500);
  // What is left are constructors of the abbreviated classes and the suffix of literals.
  assert(different.length / some.length < 0.03, different.join("\n"));
});

/** Without what two demanglers write differently: spaces, ABI tags, the short forms of the standard. */
function plain(name: string): string {
  return name.replaceAll(/\s|\[abi:\w+\]/g, "")
    .replaceAll(/std::basic_string<char,std::char_traits<char>,std::allocator<char>>/g, "std::string")
    .replaceAll(/std::basic_(\wstream|iostream)<char,std::char_traits<char>>/g, "std::$1");
}
