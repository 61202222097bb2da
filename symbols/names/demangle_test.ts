// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { Demangler } from "./demangle.ts";

const demangle = (symbol: string) => new Demangler().name(symbol);

Deno.test("Demangler.name() reads C++ and both schemes of Rust", () => {
  assertEquals(demangle("_ZN3foo3barEv"), "foo::bar()");
  assertEquals(demangle("_ZNK4node6Buffer4sizeEi"), "node::Buffer::size(int) const");
  assertEquals(demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"), "core::fmt::Formatter::pad");
  assertEquals(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
});

Deno.test("Demangler.name() leaves other names as they are", () => {
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

Deno.test("Demangler.name() takes junk", () => {
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

Deno.test("Demangler.name() leaves a name alone that is too long to be worth it", () => {
  const long = "_Z" + "N".repeat(10_000);
  assertEquals(demangle(long), long);
});

Deno.test("Demangler.name() keeps the symbol when its name would fill the memory, and goes on", () => {
  const demangler = new Demangler();
  for (let levels = 8; levels < 400; levels += 40) {
    const symbol = bomb(levels);
    assertEquals(demangler.name(symbol), symbol);
  }
  assertEquals(demangler.refused, 10);
  assertEquals(demangler.name("_ZN3foo3barEv"), "foo::bar()");
});

Deno.test("Demangler.name() tries no more than some long symbols a window once memory ran out", () => {
  const demangler = new Demangler("short");
  const long = `_ZN${"3foo".repeat(40)}Ev`;
  const name = Array(40).fill("foo").join("::");
  for (let i = 0; i < 16; i++) demangler.name(bomb(20 + i));
  assertEquals([demangler.name(long), demangler.name("_ZN3foo3barEv")], [long, "foo::bar"]);
  demangler.endWindow();
  assertEquals(demangler.name(long), name);
});

Deno.test("Demangler.name() gives short names of C++ and Rust", () => {
  const short = new Demangler("short");
  const names = {
    _ZNKSt6vectorIiSaIiEE4sizeEv: "std::vector::size",
    _Z10GetTempDirB5cxx11v: "GetTempDir",
    "_ZN3foo3barEv.cold": "foo::bar",
    _ZThn16_N3Foo3barEv: "non-virtual thunk to Foo::bar",
    _ZTv0_n24_N3FooD0Ev: "virtual thunk to Foo::~Foo",
    _ZTch0_h16_N3Foo3barEv: "covariant return thunk to Foo::bar",
    _ZN4core3fmt9Formatter3pad17h0123456789abcdefE: "core::fmt::Formatter::pad",
    "_ZN51_$LT$$RF$T$u20$as$u20$core..fmt..Debug$LT$U$GT$$GT$3fmt17h0123456789abcdefE":
      "<&T as core::fmt::Debug>::fmt",
    _RINvNtCs1234_4core3mem4swapjE: "core::mem::swap",
    _RNCNvCs1234_7mycrate3foo0: "mycrate::foo::{closure#0}",
    "_ZNKSt6vectorIiSaIiEE4sizeEv@plt": "std::vector::size@plt",
    main: "main",
    "JS:*f<T>(a) a.js:1:2": "JS:*f<T>(a) a.js:1:2",
    "java.util.List<E>::get(int)": "java.util.List<E>::get(int)",
  };
  for (const [symbol, name] of Object.entries(names)) assertEquals(short.name(symbol), name);
});

Deno.test("Demangler.declared() takes the arguments of a template's instance from a short name", () => {
  const short = new Demangler("short");
  assertEquals(short.declared("max<int>"), "max");
  assertEquals(short.declared("operator<< <char>"), "operator<<");
  assertEquals(short.declared("operator->"), "operator->");
  assertEquals(short.declared("operator<=>"), "operator<=>");
  assertEquals(short.declared("main.(*T[go.shape.int]).Method"), "main.(*T[go.shape.int]).Method");
  assertEquals(short.declared("_Z3fooIiEvT_"), "foo");
  assertEquals(new Demangler("full").declared("max<int>"), "max<int>");
});

testWith(["c++filt", "nm"], "Demangler.name() agrees with c++filt on a library's functions", () => {
  const symbols = cppSymbols("/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
  const expected = cppFilt(symbols).map(plain);
  // c++filt gives the return type of templates as well.
  const different = symbols.filter((symbol, i) => !expected[i]!.endsWith(plain(demangle(symbol))));
  assert(symbols.length > 3000);
  // What is left are constructors of the abbreviated classes, and references to classes in classes.
  assert(different.length / symbols.length < 0.025, different.join("\n"));
});

testWith(
  ["c++filt", "nm"],
  "Demangler.name() in short agrees with c++filt -p less what templates add",
  () => {
    const libraries = ["/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/bin/gdb"];
    const symbols = libraries.flatMap(cppSymbols);
    const expected = cppFilt(symbols, ["-p"]).map((name) => abbreviated(slowShort(name)));
    const demangler = new Demangler("short");
    const different = symbols.filter((symbol, i) => abbreviated(demangler.name(symbol)) !== expected[i]);
    assert(symbols.length > 3000);
    assertEquals(different.length, 0, different.join("\n"));
  },
);

testWith(["c++filt", "nm", "rustc"], "Demangler.name() agrees with c++filt on a program in Rust", () => {
  using folder = new TempFolder();
  const source = folder.write("shapes.rs", RUST);
  for (const [scheme, flags] of Object.entries({ "_ZN": [], "_R": ["-Csymbol-mangling-version=v0"] })) {
    const program = `${folder.path}/shapes${scheme}`;
    run("rustc", ["-O", ...flags, "-o", program, source]);
    const symbols = symbolsOf(["--defined-only", program]).filter((s) => s.startsWith(scheme));
    const rust = symbols.filter((s) => scheme === "_R" || /17h[0-9a-f]{16}E/.test(s));
    // c++filt shows hashes of crates and functions, and the types of constants.
    const expected = cppFilt(rust).map((name) =>
      name.replaceAll(/\[[0-9a-f]{14,16}\]|::h[0-9a-f]{16}$|: usize/g, "")
    );
    assertEquals(rust.map((symbol) => demangle(symbol)), expected, scheme);
    const short = new Demangler("short");
    const names = new Set(rust.map((symbol) => short.name(symbol)));
    for (const name of ["<shapes::Square as shapes::Shape>::area", "shapes::outer::V::twice"]) {
      assert(names.has(name), [...names].join("\n"));
    }
    assertEquals([...names].filter((name) => /\w</.test(name)), [], "generic arguments are left");
  }
});

const RUST = `
trait Shape { fn area(&self) -> f64; }
struct Square<T>(T);
impl<T: Into<f64> + Copy> Shape for Square<T> {
  #[inline(never)] fn area(&self) -> f64 { let v: f64 = self.0.into(); v * v }
}
impl Shape for [u8] { #[inline(never)] fn area(&self) -> f64 { self.len() as f64 } }
impl Shape for fn(u8) -> u16 { #[inline(never)] fn area(&self) -> f64 { self(1) as f64 } }
impl<const N: usize> Shape for [i32; N] { #[inline(never)] fn area(&self) -> f64 { N as f64 } }
#[inline(never)] fn call<F: Fn(u32) -> u32>(f: F) -> u32 { f(std::hint::black_box(3)) }
mod outer {
  pub struct V<A>(pub A);
  impl<A: Clone> V<A> { #[inline(never)] pub fn twice(&self) -> (A, A) { (self.0.clone(), self.0.clone()) } }
}
fn double(x: u8) -> u16 { x as u16 * 2 }
fn main() {
  let all: Vec<Box<dyn Shape>> =
    vec![Box::new(Square(2u8)), Box::new(Square(3f32)), Box::new([1, 2, 3]), Box::new(double as fn(u8) -> u16)];
  for one in &all { println!("{}", one.area()); }
  println!("{} {}", (*[1u8, 2].as_slice()).area(), call(|x| call(|y| x * y)));
  println!("{:?} {:?}", outer::V("a".to_string()).twice(), outer::V(vec![1u8]).twice());
  std::thread::spawn(|| println!("{:?}", std::env::args().collect::<Vec<_>>())).join().unwrap();
}
`;

/** Returns `f(P<A, A>, P<P<A, A>, P<A, A>>, …)`: each level doubles the name. */
function bomb(levels: number): string {
  const reference = (k: number) => `S${(k - 1).toString(36).toUpperCase()}_`;
  const level = (i: number) => `S0_I${reference(i + 2)}${reference(i + 2)}E`;
  return `_Z1f1A1PIS_S_E${Array.from({ length: levels + 2 }, (_, i) => level(i)).join("")}`;
}

function symbolsOf(args: readonly string[]): string[] {
  const lines = run("nm", args).split("\n");
  return lines.map((line) => /^\w+ [TtWw] ([^@]+)/.exec(line)?.[1] ?? "").filter((name) => name !== "");
}

function cppSymbols(path: string): string[] {
  return [...new Set(symbolsOf(["-D", "--defined-only", path]))].filter((name) => /^_Z[^T]/.test(name));
}

function cppFilt(symbols: readonly string[], flags: readonly string[] = []): string[] {
  const names: string[] = [];
  for (let i = 0; i < symbols.length; i += 1000) {
    names.push(...run("c++filt", [...flags, ...symbols.slice(i, i + 1000)]).trimEnd().split("\n"));
  }
  return names;
}

/** Returns the name without what two demanglers write differently: spaces and the short forms of the standard. */
function plain(name: string): string {
  return name.replaceAll(/\s/g, "")
    .replaceAll(/std::basic_string<char,std::char_traits<char>,std::allocator<char>>/g, "std::string")
    .replaceAll(/std::basic_(\wstream|iostream)<char,std::char_traits<char>>/g, "std::$1");
}

/** Does the same for short names. */
function abbreviated(name: string): string {
  return name.replaceAll(/(std::|::~?)basic_(string|\wstream|iostream)(?!\w)/g, "$1$2");
}

const ANGLES = [
  "<=>",
  "<<=",
  ">>=",
  "->*",
  "->",
  "<<",
  ">>",
  "<=",
  ">=",
  "<",
  ">",
  "()",
  "new[]",
  "delete[]",
];

/** Takes brackets away from the innermost on, until nothing changes. */
function slowShort(name: string): string {
  let text = name.replaceAll("(anonymous namespace)", "@anonymous");
  ANGLES.forEach((operator, i) => {
    text = text.replaceAll(`operator${/^\w/.test(operator) ? " " : ""}${operator}`, `operator@${i}@`);
  });
  text = text.replaceAll("->", "");
  for (const pair of [/\([^()]*\)/g, /<[^<>]*>/g]) {
    for (let before = ""; before !== text;) text = (before = text).replaceAll(pair, "");
  }
  return text.replaceAll(/( const)?( &&?)?(?=::|$)|\[abi:\w+\]/g, "")
    .replaceAll("{lambda", "{lambda()")
    .replaceAll("@anonymous", "(anonymous namespace)")
    .replaceAll(/@(\d+)@ ?/g, (_, i) => (/^\w/.test(ANGLES[i]!) ? " " : "") + ANGLES[i])
    .trim();
}
