/**
 * Names as their source has them: C++ and both of Rust's schemes.
 *
 * @module
 */

import { demangle_any } from "gecko-profiler-demangle";

/** Longer names are left as they are: to demangle one can take time that is not linear in its length. */
const MAX_LENGTH = 8192;
const MANGLED = /^_{1,3}[ZR]/;

/** The name that `symbol` stands for; `symbol` itself when it is not mangled or cannot be read. */
export function demangle(symbol: string): string {
  if (!MANGLED.test(symbol) || symbol.length > MAX_LENGTH) return symbol;
  try {
    const name = demangle_any(symbol);
    // What it cannot read it gives back without the underscore that macOS puts before every name.
    return name === "" || name === symbol.slice(1) ? symbol : name;
  } catch {
    return symbol;
  }
}
