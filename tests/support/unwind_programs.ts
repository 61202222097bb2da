/**
 * The programs of `tests/programs/unwind`, compiled as distributions compile theirs.
 *
 * @module
 */

import { runProgram } from "./child.ts";

const SOURCES = new URL("../programs/unwind/", import.meta.url).pathname;
const C_FLAGS = ["-O2", "-fomit-frame-pointer", "-fasynchronous-unwind-tables", "-pthread"];

/**
 * Compiles one of them by the compiler of its language; gone when it is disposed of.
 *
 * @param options.flags for the compiler; `clang` says that it is that one, not gcc @default {[]}
 */
export async function compileUnwind(
  source: string,
  { flags = [] }: { flags?: readonly string[] } = {},
): Promise<{ path: string } & Disposable> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-unwind-" });
  const path = `${folder}/program`;
  const others = flags.filter((flag) => flag !== "clang");
  const language = source.slice(source.lastIndexOf(".") + 1);
  const from = `${SOURCES}${source}`;
  if (language === "c") {
    await compile(flags.includes("clang") ? "clang" : "gcc", [...C_FLAGS, ...others, "-o", path, from]);
  } else if (language === "cc") {
    const library = `${folder}/libshape.so`;
    await compile("g++", [...C_FLAGS, "-shared", "-fPIC", "-o", library, `${SOURCES}shape.cc`]);
    await compile("g++", [...C_FLAGS, ...others, "-o", path, from, library, `-Wl,-rpath,${folder}`]);
  } else if (language === "rs") {
    await compile("rustc", ["-O", "-C", "symbol-mangling-version=v0", ...others, "-o", path, from]);
  } else {
    await compile("go", ["build", ...others, "-o", path, from], {
      GOCACHE: `${folder}/cache`,
      GOFLAGS: "-mod=mod",
    });
  }
  return { path, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}

async function compile(
  compiler: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const { code, stderr } = await runProgram(compiler, args, { env });
  if (code !== 0) throw new Error(`Cannot compile: ${stderr}`);
}
