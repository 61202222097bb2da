// SPDX-License-Identifier: Apache-2.0
/**
 * The programs of `tests/programs/unwind`, compiled as distributions compile theirs.
 *
 * @module
 */

import { compileTo } from "./compiled.ts";

const SOURCES = new URL("../programs/unwind/", import.meta.url).pathname;
const GO_CACHE = new URL("../../.tools/go", import.meta.url).pathname;
const C_FLAGS = ["-O2", "-fomit-frame-pointer", "-fasynchronous-unwind-tables", "-pthread"];

/**
 * Compiles one of them by the compiler of its language; gone when it is disposed of.
 *
 * @param options.flags for the compiler; `clang` or `musl-gcc` says that it is that one, not gcc @default {[]}
 */
export async function compileUnwind(
  source: string,
  { flags = [] }: { flags?: readonly string[] } = {},
): Promise<{ path: string } & Disposable> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-unwind-" });
  const path = `${folder}/program`;
  const compiler = flags.find((flag) => flag === "clang" || flag === "musl-gcc") ?? "gcc";
  const others = flags.filter((flag) => flag !== compiler);
  const from = `${SOURCES}${source}`;
  const sources = [from];
  const language = source.slice(source.lastIndexOf(".") + 1);
  if (language === "c") {
    await compileTo(path, { compiler, sources, args: (to) => [...C_FLAGS, ...others, "-o", to, from] });
  } else if (language === "cc") {
    const header = `${SOURCES}shape.h`;
    const [shape, library] = [`${SOURCES}shape.cc`, `${folder}/libshape.so`];
    await compileTo(library, {
      compiler: "g++",
      sources: [shape, header],
      args: (to) => [...C_FLAGS, "-shared", "-fPIC", "-o", to, shape],
    });
    // A library without a name of its own is found by that with which it is linked: beside the program.
    await compileTo(path, {
      compiler: "g++",
      sources: [from, header, library],
      cwd: folder,
      args: (to) => [...C_FLAGS, ...others, "-o", to, from, "-L.", "-lshape", "-Wl,-rpath,$ORIGIN"],
    });
  } else if (language === "rs") {
    const args = (to: string) => ["-O", "-C", "symbol-mangling-version=v0", ...others, "-o", to, from];
    await compileTo(path, { compiler: "rustc", sources, args });
  } else {
    await compileTo(path, {
      compiler: "go",
      sources,
      args: (to) => ["build", ...others, "-o", to, from],
      // Its own library is compiled once for all programs of the same flags.
      env: { GOCACHE: GO_CACHE, GOFLAGS: "-mod=mod" },
    });
  }
  return { path, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}
