// SPDX-License-Identifier: Apache-2.0
/**
 * Finds CPython in a process.
 *
 * @module
 */

import { readSmallText } from "../libbpf/mod.ts";
import type { Process } from "../metadata/processes.ts";
import { type FrameLayout, type Layout, layoutOf } from "./layouts.ts";
import { type Memory, ProcessMemory, readWord } from "./memory.ts";
import type { ObjectReader } from "./objects.ts";
import { findThreadLibrary, PythonFiles, type Symbols } from "./python_files.ts";

/** Functions that came with a version, the latest first. */
const MARKS: readonly (readonly [minor: number, symbol: string])[] = [
  [10, "PyModule_AddObjectRef"],
  [9, "PyThreadState_GetFrame"],
  [8, "PyConfig_InitPythonConfig"],
];
/** `Py_tss_t`: whether it was made, and the key. */
const TSS_BYTES = 8;
/** PTHREAD_KEYS_MAX. */
const MAX_KEYS = 1024;
/** glibc's structure of a thread is some 2 KiB. */
const MAX_THREAD_BYTES = 1 << 16;

/** Tells how a thread finds its own `PyThreadState`: where the C library has its values, and by which key. */
export interface OwnThread {
  readonly values: number;
  readonly key: number;
}

/** CPython in a process. */
export interface Interpreter {
  /** Is the address of the pointer to the thread that holds the GIL; 0 when it is not known yet. */
  readonly holder: number;
  /** Is the address of the pointer to the first interpreter. */
  readonly interpreters: number;
  /** All interpreters have one GIL, so that its holder is of the interpreter that runs. */
  readonly sharesLock: boolean;
  readonly frames: FrameLayout;
  readonly objects: Omit<ObjectReader, "memory">;
  /** It is missing where the C library does not say, as musl: then threads are looked for in the interpreter's list. */
  readonly own?: OwnThread;
}

/**
 * Returns the interpreter of `process`.
 *
 * @returns `undefined` when there is none, its version is not known, or it has not begun yet
 */
export function findInterpreter(
  { folder, mappings }: Pick<Process, "mappings" | "folder">,
  files = new PythonFiles(),
): Interpreter | undefined {
  if (!files.mayHave(mappings)) return undefined;
  using memory = ProcessMemory.open(folder);
  const maps = readSmallText(`${folder}/maps`);
  if (memory === undefined || maps === undefined) return undefined;
  const find = finder(files.find(memory, { maps, mappings, folder }));
  const described = describe(memory, find);
  if (described === undefined) return undefined;
  const { threadKey, ...interpreter } = described;
  const own = ownThread(memory, {
    key: threadKey,
    find: finder(findThreadLibrary(memory, { maps, mappings })),
  });
  return own ? { ...interpreter, own } : interpreter;
}

type Find = (symbol: string) => number | undefined;

function finder(files: readonly Symbols[]): Find {
  return (name) => {
    for (const file of files) {
      const address = file.find(name);
      if (address !== undefined) return address;
    }
    return undefined;
  };
}

/**
 * Returns how a thread finds its own `PyThreadState`. What glibc says of it is for debuggers: the bits, the number and
 * the offset of `specific` in its structure of a thread, the address of which is the thread pointer.
 */
function ownThread(memory: Memory, { key, find }: { key: number; find: Find }): OwnThread | undefined {
  const tss = memory.read(key, TSS_BYTES);
  const at = find("_thread_db_pthread_specific");
  const description = at === undefined ? undefined : memory.read(at, 12);
  if (tss === undefined || description === undefined) return undefined;
  const values = new DataView(description.buffer).getUint32(8, true);
  const isMade = new DataView(tss.buffer).getInt32(0, true) !== 0;
  const number = new DataView(tss.buffer).getUint32(4, true);
  return isMade && number < MAX_KEYS && values < MAX_THREAD_BYTES ? { values, key: number } : undefined;
}

/** Returns the version; before 3.11 what tells it is which functions there are. */
function versionOf(memory: Memory, find: Find): number | undefined {
  const at = find("Py_Version");
  if (at !== undefined) return readWord(memory, at);
  const minor = MARKS.find(([, symbol]) => find(symbol) !== undefined)?.[0];
  return minor === undefined ? undefined : (3 << 24 | minor << 16) >>> 0;
}

function describe(memory: Memory, find: Find): Interpreter & { threadKey: number } | undefined {
  const [runtime, code, text, bytes] = ["_PyRuntime", "PyCode_Type", "PyUnicode_Type", "PyBytes_Type"]
    .map(find);
  const version = runtime && versionOf(memory, find);
  if (!runtime || !version || !code || !text || !bytes) return undefined;
  const layout = layoutOf(memory, { version, runtime });
  if (layout === undefined) return undefined;
  return {
    holder: holderAt(memory, { layout, runtime }),
    interpreters: runtime + layout.interpreters,
    sharesLock: layout.holder.in === "runtime",
    frames: layout.frames,
    objects: { layout: layout.objects, types: { code, text, bytes } },
    threadKey: runtime + layout.threadKey,
  };
}

/** Returns whether the process has several interpreters; `undefined` where that cannot be read. */
export function hasSeveral(memory: Memory, { interpreters, frames }: Interpreter): boolean | undefined {
  const first = readWord(memory, interpreters);
  const next = first ? readWord(memory, first + frames.interpreterNext) : undefined;
  return next === undefined ? undefined : next !== 0;
}

function holderAt(memory: Memory, { layout, runtime }: { layout: Layout; runtime: number }): number {
  const { holder, mainInterpreter } = layout;
  const base = holder.in === "runtime" ? runtime : readWord(memory, runtime + mainInterpreter);
  return base ? base + holder.offset : 0;
}
