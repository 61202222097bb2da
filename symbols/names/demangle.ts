// SPDX-License-Identifier: Apache-2.0
/**
 * Names as their source has them: C++ and both of Rust's schemes, in full or short.
 *
 * @module
 */

import { demanglerModule } from "./demangler_module.ts";
import type { NameStyle } from "./name_style.ts";
import { shortCppName } from "./short_cpp.ts";
import { shortRustName } from "./short_rust.ts";

/** Longer symbols are left as they are: to demangle one can take time that is not linear in its length. */
const MAX_LENGTH = 8192;
/** A longer name is not one that anybody reads: its symbol is shown instead. In characters. */
const MAX_NAME = 16_384;
/** Symbols that are tried in one window after which memory ran out; each takes some tens of ms. */
const MAX_EXHAUSTED = 16;
/** No shorter symbol can stand for a name that memory is too small for. */
const HARMLESS_LENGTH = 96;
const MANGLED = /^_{1,3}[ZR]/;
const RUST = /^_{1,3}(R|ZN.*17h[0-9a-f]{16}E)/s;
/** This ends the name of a stub that calls a function of another file. */
const STUB = "@plt";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The module exports these, as wasm-bindgen lays them out. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __wbindgen_malloc: (size: number, align: number) => number;
  readonly __wbindgen_free: (at: number, size: number, align: number) => void;
  /** @returns where the name is, and its bytes */
  readonly demangle_any: (at: number, size: number) => [number, number];
}

/**
 * Demangles symbols.
 *
 * A symbol may refer back to its own parts, so that 250 bytes can stand for a name of 100 MB: the demangler works in a
 * memory of fixed size and is started afresh when that did not suffice.
 */
export class Demangler {
  readonly style: NameStyle;
  readonly #module = demanglerModule();
  #wasm: Exports | undefined;
  #exhaustedNow = 0;
  #refused = 0;

  constructor(style: NameStyle = "full") {
    this.style = style;
  }

  /** Symbols that were left as they are since the start, for their length or that of their name. */
  get refused(): number {
    return this.#refused;
  }

  endWindow(): void {
    this.#exhaustedNow = 0;
  }

  /** Returns the name that `symbol` stands for; `symbol` itself when it is not mangled or cannot be read. */
  name(symbol: string): string {
    if (symbol.endsWith(STUB)) return this.name(symbol.slice(0, -STUB.length)) + STUB;
    if (!MANGLED.test(symbol)) return symbol;
    const exhausted = this.#exhaustedNow >= MAX_EXHAUSTED && symbol.length > HARMLESS_LENGTH;
    const full = symbol.length > MAX_LENGTH || exhausted ? undefined : this.#demangle(symbol);
    // What it cannot read it gives back without the underscore that macOS puts before every name.
    if (full === "" || full === symbol.slice(1)) return symbol;
    if (full === undefined || full.length > MAX_NAME) {
      this.#refused++;
      return symbol;
    }
    const name = asBinutils(full);
    return this.style === "full" ? name : RUST.test(symbol) ? shortRustName(name) : shortCppName(name);
  }

  /**
   * Returns a name that debug information has instead of a symbol, as it is shown: without its namespace, but with the
   * type arguments of the function itself.
   */
  declared(name: string): string {
    if (this.style === "full" || MANGLED.test(name)) return this.name(name);
    return /^[^(]*<.*>$/s.test(name) ? shortCppName(name) : name;
  }

  /** Returns `undefined` when memory ran out. */
  #demangle(symbol: string): string | undefined {
    try {
      const wasm = this.#wasm ??= start(this.#module);
      const bytes = encoder.encode(symbol);
      const at = wasm.__wbindgen_malloc(bytes.length, 1);
      new Uint8Array(wasm.memory.buffer).set(bytes, at);
      const [from, length] = wasm.demangle_any(at, bytes.length);
      const name = decoder.decode(new Uint8Array(wasm.memory.buffer, from, length));
      wasm.__wbindgen_free(from, length, 1);
      return name;
    } catch (error) {
      // Memory or, as a RangeError, the stack ran out: it was left in the middle of something.
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      this.#wasm = undefined;
      this.#exhaustedNow++;
      return undefined;
    }
  }
}

function start(module: WebAssembly.Module): Exports {
  const table: Record<string, WebAssembly.ImportValue> = { __wbindgen_init_externref_table: () => {} };
  const { exports } = new WebAssembly.Instance(module, { "./index_bg.js": table });
  return exports as unknown as Exports;
}

const SUFFIXES: Readonly<Record<string, string>> = {
  "unsigned int": "u",
  "long": "l",
  "unsigned long": "ul",
  "long long": "ll",
  "unsigned long long": "ull",
};

/**
 * Returns the name as binutils (c++filt, gdb, perf) writes it: thunks without their offsets, `8u` for `(unsigned
 * int)8`, no empty packs, and tags of the ABI before the parameters.
 */
function asBinutils(name: string): string {
  const text = name.replace(
    /\(((?:unsigned )?(?:int|long|long long))\)(-?\d+)/g,
    (all, type: string, digits: string) => type in SUFFIXES ? digits + SUFFIXES[type] : all,
  ).replaceAll(", >", ">")
    .replace(/\(\[abi:(\w+)\], (void\))?/, (_, tag: string, none = "") => `[abi:${tag}](${none && ")"}`);
  const thunk = /^\{virtual override thunk\((\{.*?\}), (.*)\)\}(.*)$/s.exec(text);
  if (!thunk) return text;
  const [, offset, rest, suffix] = thunk;
  const covariant = /^\{(?:virtual )?offset\([-0-9, ]*\)\}, (.*)$/s.exec(rest!);
  if (covariant) return `covariant return thunk to ${covariant[1]}${suffix}`;
  return `${offset!.startsWith("{virtual") ? "virtual" : "non-virtual"} thunk to ${rest}${suffix}`;
}
