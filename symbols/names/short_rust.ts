// SPDX-License-Identifier: Apache-2.0
/**
 * Rust names without generic arguments.
 *
 * @module
 */

const OPENING = "([{";
const CLOSING = ")]}";
/** These may stand before the `<` of generic arguments; elsewhere it begins a qualified path. */
const NAMED = /[\w}\])>]/;
/** A path consists of these. */
const PLAIN = /^[\w:#$.]+$/;

/**
 * Takes generic arguments away: `<alloc::vec::Vec<u8> as core::clone::Clone>::clone` is
 * `<alloc::vec::Vec as core::clone::Clone>::clone`, `<alloc::vec::Vec<u8>>::push` is `alloc::vec::Vec::push`, and
 * `core::mem::swap::<u32>` is `core::mem::swap`.
 *
 * @param name as demangled, without a hash
 * @returns `name` itself when its brackets do not match
 */
export function shortRustName(name: string): string {
  const out = new Output();
  for (let at = 0; at < name.length;) {
    const next = name.startsWith("->", at) ? at + 2 : literalEnd(name, at);
    if (next > at) {
      out.add(name.slice(at, next));
      at = next;
      continue;
    }
    const c = name[at++]!;
    if (c === "<" && isGeneric(out, name, at)) {
      at = argumentsEnd(name, at);
      if (at < 0) return name;
      if (out.endsWith("::")) out.drop(2);
      if (out.endsWith("for")) { // `for<'a> fn(&'a u8)`
        out.drop(3);
        if (name[at] === " ") at++;
      }
    } else if (c === "<" || OPENING.includes(c)) {
      out.open(c);
    } else if (c === ">" || CLOSING.includes(c)) {
      const needless = c === ">" && name.startsWith("::", at);
      if (!out.close(c === ">" ? "<" : OPENING[CLOSING.indexOf(c)]!, c, needless)) return name;
    } else out.add(c);
  }
  return out.finish() || name;
}

/** The text that is kept, and the brackets in it that are open. */
class Output {
  readonly #parts: string[] = [];
  readonly #open: { bracket: string; at: number; plain: boolean }[] = [];

  add(text: string): void {
    this.#parts.push(text);
    if (!PLAIN.test(text)) this.#notPlain();
  }

  open(bracket: string): void {
    this.#open.push({ bracket, at: this.#parts.length, plain: true });
    this.#parts.push(bracket);
  }

  /**
   * @param needless the bracket around a path that is none of a trait is left out
   * @returns `false` when it is not the bracket that is open
   */
  close(bracket: string, closing: string, needless: boolean): boolean {
    const last = this.#open.pop();
    if (last?.bracket !== bracket) return false;
    const empty = last.at === this.#parts.length - 1;
    if (needless && last.plain && !empty) {
      this.#parts[last.at] = "";
      return true;
    }
    this.#parts.push(closing);
    if (!(closing === "}" && last.plain)) this.#notPlain();
    return true;
  }

  /**
   * Tells whether what was added last is `text`, each character of which was added alone, and a whole word if it is
   * one.
   */
  endsWith(text: string): boolean {
    const from = this.#parts.length - text.length;
    for (let i = 0; i < text.length; i++) if (this.#parts[from + i] !== text[i]) return false;
    return !/\w/.test(text) || !/\w/.test(this.#parts[from - 1] ?? "");
  }

  drop(count: number): void {
    this.#parts.length -= count;
  }

  get last(): string {
    return this.#parts.at(-1) ?? "";
  }

  /** Returns "" when a bracket is still open. */
  finish(): string {
    return this.#open.length === 0 ? this.#parts.join("") : "";
  }

  #notPlain(): void {
    const last = this.#open.at(-1);
    if (last) last.plain = false;
  }
}

/** Tells whether the `<` before `at` begins generic arguments of the path in `out`. */
function isGeneric(out: Output, name: string, at: number): boolean {
  if (out.endsWith("::")) return !name.startsWith("impl ", at);
  return NAMED.test(out.last);
}

/** Returns where the arguments end whose `<` is before `from`, -1 where they do not. */
function argumentsEnd(name: string, from: number): number {
  let depth = 1;
  for (let at = from; at < name.length;) {
    const next = name.startsWith("->", at) ? at + 2 : literalEnd(name, at);
    if (next > at) {
      at = next;
      continue;
    }
    const c = name[at++];
    if (c === "<") depth++;
    if (c === ">" && --depth === 0) return at;
  }
  return -1;
}

/**
 * Returns the end of a literal at `at`, which may hold brackets (`'<'`, `"a>b"`, of a constant's value), or `at`
 * itself.
 */
function literalEnd(name: string, at: number): number {
  if (name[at] === "'") {
    const character = /'(?:\\u\{[0-9a-f]+\}|\\.|[^\\'])'/suy;
    character.lastIndex = at;
    return character.test(name) ? character.lastIndex : at; // A lifetime has no second quote.
  }
  if (name[at] !== '"') return at;
  for (let end = at + 1; end < name.length; end++) {
    if (name[end] === "\\") end++;
    else if (name[end] === '"') return end + 1;
  }
  return name.length;
}
