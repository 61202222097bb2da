/**
 * Finds CPython in a process.
 *
 * @module
 */

import type { Process } from "../metadata/processes.ts";
import { DynamicSymbols } from "./dynamic_symbols.ts";
import { type FrameLayout, type Layout, layoutOf } from "./layouts.ts";
import { type Memory, ProcessMemory, readWord } from "./memory.ts";
import type { ObjectReader } from "./objects.ts";

/** CPython in a process. */
export interface Interpreter {
  /** Is the address of the pointer to the thread that holds the GIL; 0 when it is not known yet. */
  readonly holder: number;
  /** Is the address of the pointer to the first interpreter. */
  readonly interpreters: number;
  readonly frames: FrameLayout;
  readonly objects: Omit<ObjectReader, "memory">;
}

const PYTHON_FILE = /\/(lib)?python3\.\d+[^/]*$/;
/** Files in one process that may hold an interpreter: the program, its library. */
const MAX_FILES = 4;

/** Returns whether the program or one of its libraries is called as CPython's are. */
export function mayRunPython({ mappings }: Pick<Process, "mappings">): boolean {
  return mappings.some(({ path }) => PYTHON_FILE.test(path));
}

/**
 * Returns the interpreter of `process`.
 *
 * @returns `undefined` when there is none, its version is not known, or it has not begun yet
 */
export function findInterpreter(process: Pick<Process, "mappings" | "folder">): Interpreter | undefined {
  const paths = new Set(process.mappings.map(({ path }) => path).filter((path) => PYTHON_FILE.test(path)));
  if (paths.size === 0) return undefined;
  using memory = ProcessMemory.open(process.folder);
  if (memory === undefined) return undefined;
  const files = firstBytes(process.folder, paths).slice(0, MAX_FILES)
    .map((base) => DynamicSymbols.at(memory, base)).filter((file) => file !== undefined);
  // In the order of addresses, so that a program comes before its libraries, as for the dynamic loader: what it uses
  // of a library's data may have moved into the program (a copy relocation).
  const find = (name: string) => {
    for (const file of files) {
      const address = file.find(name);
      if (address !== undefined) return address;
    }
  };
  return describe(memory, find);
}

function describe(memory: Memory, find: (symbol: string) => number | undefined): Interpreter | undefined {
  const [runtime, versionAt, code, text, bytes] = [
    "_PyRuntime",
    "Py_Version",
    "PyCode_Type",
    "PyUnicode_Type",
    "PyBytes_Type",
  ].map(find);
  const version = versionAt && readWord(memory, versionAt);
  if (!runtime || !version || !code || !text || !bytes) return undefined;
  const layout = layoutOf(memory, { version, runtime });
  if (layout === undefined) return undefined;
  return {
    holder: holderAt(memory, { layout, runtime }),
    interpreters: runtime + layout.interpreters,
    frames: layout.frames,
    objects: { layout: layout.objects, types: { code, text, bytes } },
  };
}

function holderAt(memory: Memory, { layout, runtime }: { layout: Layout; runtime: number }): number {
  const { holder, mainInterpreter } = layout;
  const base = holder.in === "runtime" ? runtime : readWord(memory, runtime + mainInterpreter);
  return base ? base + holder.offset : 0;
}

/** Returns where the files of `paths` begin in memory, ascending. */
function firstBytes(folder: string, paths: ReadonlySet<string>): number[] {
  let maps: string;
  try {
    maps = Deno.readTextFileSync(`${folder}/maps`);
  } catch {
    return [];
  }
  const starts: number[] = [];
  for (const line of maps.split("\n")) {
    const [, start, path] = /^([0-9a-f]+)-\S+ \S+ 0+ \S+ [1-9]\d* +(.*)$/.exec(line) ?? [];
    if (path !== undefined && paths.has(path.replace(/ \(deleted\)$/, ""))) starts.push(parseInt(start!, 16));
  }
  return starts;
}
