// SPDX-License-Identifier: Apache-2.0
/**
 * The WebAssembly module of gecko-profiler-demangle, with a bound on its memory.
 *
 * @module
 */

const PACKAGE = "gecko-profiler-demangle";
const MEMORY_SECTION = 5;
/** The module has so many pages of 64 KiB at its start, in the version that deno.json pins. */
const INITIAL_PAGES = 17;
/** Half a MiB more: names that are kept are far shorter. */
const MAX_PAGES = INITIAL_PAGES + 8;

let compiled: WebAssembly.Module | undefined;

/** Returns the module, which is compiled when it is first asked for. */
export function demanglerModule(): WebAssembly.Module {
  return compiled ??= new WebAssembly.Module(withMaximum(Deno.readFileSync(demanglerPath())));
}

/** Returns the path of the file that {@linkcode demanglerModule} reads. */
export function demanglerPath(): string {
  return new URL("index_bg.wasm", import.meta.resolve(PACKAGE)).pathname;
}

/** Writes a maximum into the memory section (WebAssembly core specification, 5.5.8: `0 min` → `1 min max`). */
function withMaximum(module: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let at = 8;
  while (at < module.length && module[at] !== MEMORY_SECTION) {
    const [size, start] = uleb(module, at + 1);
    at = start + size;
  }
  const unbounded = [MEMORY_SECTION, 3, 1, 0, INITIAL_PAGES];
  if (!unbounded.every((byte, i) => module[at + i] === byte)) {
    throw new TypeError(
      `Cannot bound the memory of ${PACKAGE} as its module is not that of the pinned version`,
    );
  }
  const section = [MEMORY_SECTION, 4, 1, 1, INITIAL_PAGES, MAX_PAGES];
  const bounded = new Uint8Array(module.length + section.length - unbounded.length);
  bounded.set(module.subarray(0, at));
  bounded.set(section, at);
  bounded.set(module.subarray(at + unbounded.length), at + section.length);
  return bounded;
}

/** Returns the number at `at`, and where it ends. */
function uleb(bytes: Uint8Array, at: number): [number, number] {
  let value = 0;
  for (let scale = 1;; scale *= 128) {
    const byte = bytes[at++]!;
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at];
  }
}
