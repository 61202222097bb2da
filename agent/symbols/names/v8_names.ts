// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the names that V8 gives JavaScript functions in a perf map (`--perf-basic-prof` of Node and Deno).
 *
 * @module
 */

/** A JavaScript function and where it begins. */
export interface ScriptFunction {
  readonly function: string;
  /** Path or URL of the script. */
  readonly file: string;
  readonly line: number;
}

/** `tag:` marker name ` ` script `:line:column`; before V8 11 the tag was that of the log event. */
const NAME = /^(?:JS|Function|LazyCompile|Script|Eval):(.*):(\d+):\d+$/s;
/**
 * A mark says how the function was compiled (`~` not, `^` baseline, `+` Maglev, `*` TurboFan; `o` while a loop of it
 * ran; `'` for
 * one context): one function has several over time, and is one function all the same.
 */
const MARKER = /^(?:o(?=[+*]))?[~^+*]?'?/;
/** A name may hold spaces (`get size`), and so may a script's path, which begins as one. */
const SCRIPT = / (?=\/|[a-z][a-z0-9+.-]*:|\[|<)/i;

/** Takes a name of V8's apart; `undefined` when it is none of a script's function: a builtin, a stub. */
export function parseV8Name(name: string): ScriptFunction | undefined {
  const [, rest, line] = NAME.exec(name) ?? [];
  if (rest === undefined) return undefined;
  const text = rest.replace(MARKER, "");
  const split = SCRIPT.exec(text)?.index ?? text.lastIndexOf(" ");
  if (split < 0) return undefined;
  const file = text.slice(split + 1);
  if (file === "") return undefined;
  return { function: text.slice(0, split) || "(anonymous)", file, line: Number(line) };
}

/** `JS:` name `-` index `-` compiler. */
const WASM = /^JS:(.+)-\d+-(?:liftoff|turbofan)$/s;

/**
 * Returns the name of a function of WebAssembly, which has several over time, too, as V8's compilers take turns;
 * `undefined` when it is none.
 */
export function wasmName(name: string): string | undefined {
  return WASM.exec(name)?.[1];
}
