// SPDX-License-Identifier: Apache-2.0
/**
 * Knows where the fields of CPython's structures are, by version. All offsets are in bytes, of 64-bit builds.
 *
 * Sources: the headers of CPython 3.8 to 3.14 (`Include/internal/pycore_{runtime,interp,frame,code,debug_offsets}.h`,
 * `Include/cpython/{pystate,code,unicodeobject,frameobject}.h`), where the layout is the same in all patch releases of a
 * version; a test compares the tables with the compiler's view of the headers that are installed. From 3.13 on the
 * interpreter carries a table of its own (`_Py_DebugOffsets`), which is read instead.
 *
 * @module
 */

import { type Memory, wordAt } from "./memory.ts";

/** Holds what the kernel side needs to walk from the interpreter to its frames. */
export interface FrameLayout {
  readonly interpreterNext: number;
  readonly interpreterThreads: number;
  readonly threadNext: number;
  /** `thread_id`: what pthread_self() returned in the thread. */
  readonly threadId: number;
  /** `native_thread_id`: what gettid(2) returned. */
  readonly threadNativeId: number;
  /** Is the offset of the pointer to the frame, or to the `_PyCFrame` if there is one. */
  readonly threadFrame: number;
  /** Is the offset of the pointer to the frame in the `_PyCFrame`; `undefined` in versions without one. */
  readonly cframeFrame: number | undefined;
  readonly frameCode: number;
  readonly framePrevious: number;
  readonly frameInstruction: number;
  /** Up to 3.10 the instruction is a number, whose units are so many bytes; 0: a pointer. */
  readonly instructionBytes: number;
  /** This is the offset of the byte that marks an entry of the interpreter's loop. */
  readonly frameMark: number;
  /**
   * That byte has this value in a frame that stands for the entry; 0: it is a flag of the frame that was entered with.
   */
  readonly entryOwner: number;
  readonly codeInstructions: number;
}

/** Holds what reading a code object needs. */
export interface ObjectLayout {
  readonly type: number;
  readonly code: {
    readonly fileName: number;
    readonly qualifiedName: number;
    readonly lineTable: number;
    readonly firstLine: number;
    readonly lines: LineFormat;
  };
  readonly bytes: { readonly length: number; readonly data: number };
  readonly text: {
    readonly length: number;
    readonly state: number;
    /** Is the offset of the characters of an ASCII string, and of one that is not. */
    readonly asciiData: number;
    readonly otherData: number;
  };
}

/**
 * Names the formats of tables of lines: pairs of bytes up to 3.9 (`co_lnotab`), other ones in 3.10, and
 * `Objects/locations.md` since.
 */
export type LineFormat = "lnotab" | "ranges" | "locations";

/** A version's layout. */
export interface Layout {
  /** Is where the pointer to the first interpreter is in `_PyRuntime`. */
  readonly interpreters: number;
  /** Says where the pointer to the thread that holds the GIL is: in `_PyRuntime`, or in the main interpreter. */
  readonly holder: { readonly in: "runtime" | "interpreter"; readonly offset: number };
  /** Is the offset of the pointer to the main interpreter in `_PyRuntime`, which follows that to the first. */
  readonly mainInterpreter: number;
  /** This is the offset of the `Py_tss_t` in `_PyRuntime` by which each thread finds its own `PyThreadState`. */
  readonly threadKey: number;
  readonly frames: FrameLayout;
  readonly objects: ObjectLayout;
}

const BYTES = { length: 16, data: 32 } as const;

const FRAMES_TO_3_10: FrameLayout = {
  interpreterNext: 0,
  interpreterThreads: 8,
  threadNext: 8,
  threadId: 176,
  // Not there, and no thread has the address of its neighbour.
  threadNativeId: 176,
  threadFrame: 24,
  cframeFrame: undefined,
  frameCode: 32,
  framePrevious: 24,
  frameInstruction: 104,
  instructionBytes: 1,
  frameMark: 0,
  entryOwner: 0,
  codeInstructions: 0,
};

const OBJECTS_TO_3_10: ObjectLayout = {
  type: 8,
  // There is no qualified name: it is the name alone.
  code: { fileName: 104, qualifiedName: 112, lineTable: 120, firstLine: 40, lines: "lnotab" },
  bytes: BYTES,
  text: { length: 16, state: 32, asciiData: 48, otherData: 72 },
};

const PYTHON_3_8: Layout = {
  interpreters: 32,
  mainInterpreter: 40,
  holder: { in: "runtime", offset: 1368 },
  threadKey: 1392,
  frames: FRAMES_TO_3_10,
  objects: OBJECTS_TO_3_10,
};

const PYTHON_3_9: Layout = { ...PYTHON_3_8, holder: { in: "runtime", offset: 568 }, threadKey: 584 };

const PYTHON_3_10: Layout = {
  ...PYTHON_3_9,
  frames: { ...FRAMES_TO_3_10, frameInstruction: 96, instructionBytes: 2 },
  objects: { ...OBJECTS_TO_3_10, code: { ...OBJECTS_TO_3_10.code, lines: "ranges" } },
};

const PYTHON_3_11: Layout = {
  interpreters: 40,
  mainInterpreter: 48,
  holder: { in: "runtime", offset: 576 },
  threadKey: 592,
  frames: {
    interpreterNext: 0,
    interpreterThreads: 16,
    threadNext: 8,
    threadId: 152,
    threadNativeId: 160,
    threadFrame: 56,
    cframeFrame: 8,
    frameCode: 32,
    framePrevious: 48,
    frameInstruction: 56,
    instructionBytes: 0,
    frameMark: 68,
    entryOwner: 0,
    codeInstructions: 184,
  },
  objects: {
    type: 8,
    code: { fileName: 112, qualifiedName: 128, lineTable: 136, firstLine: 72, lines: "locations" },
    bytes: BYTES,
    text: { length: 16, state: 32, asciiData: 48, otherData: 72 },
  },
};

/** FRAME_OWNED_BY_CSTACK of `enum _frameowner`, which is called FRAME_OWNED_BY_INTERPRETER since 3.14. */
const OWNED_BY_LOOP = 3;

const PYTHON_3_12: Layout = {
  interpreters: 40,
  mainInterpreter: 48,
  holder: { in: "interpreter", offset: 1048 },
  threadKey: 1544,
  frames: {
    interpreterNext: 0,
    interpreterThreads: 72,
    threadNext: 8,
    threadId: 136,
    threadNativeId: 144,
    threadFrame: 56,
    cframeFrame: 0,
    frameCode: 0,
    framePrevious: 8,
    frameInstruction: 56,
    instructionBytes: 0,
    frameMark: 70,
    entryOwner: OWNED_BY_LOOP,
    codeInstructions: 192,
  },
  objects: {
    type: 8,
    code: { fileName: 112, qualifiedName: 128, lineTable: 136, firstLine: 68, lines: "locations" },
    bytes: BYTES,
    text: { length: 16, state: 32, asciiData: 40, otherData: 56 },
  },
};

/** They are found by `major << 8 | minor`. */
const TABLES: ReadonlyMap<number, Layout> = new Map([
  [0x308, PYTHON_3_8],
  [0x309, PYTHON_3_9],
  [0x30a, PYTHON_3_10],
  [0x30b, PYTHON_3_11],
  [0x30c, PYTHON_3_12],
]);

const COOKIE = "xdebugpy";
/** No structure is larger, so that a greater offset is junk. */
const MAX_OFFSET = 1 << 20;

/** Words of `_Py_DebugOffsets`: the index of each that is used. */
const DEBUG_3_13 = {
  version: 1,
  freeThreaded: 2,
  interpretersHead: 5,
  interpreterNext: 8,
  interpreterThreads: 9,
  gilHolder: 18,
  threadNext: 21,
  threadFrame: 23,
  threadId: 24,
  threadNativeId: 25,
  framePrevious: 29,
  frameCode: 30,
  frameInstruction: 31,
  frameOwner: 33,
  codeFileName: 35,
  codeQualifiedName: 37,
  codeLineTable: 38,
  codeFirstLine: 39,
  codeInstructions: 43,
  objectType: 45,
  bytesLength: 65,
  bytesData: 66,
  textState: 68,
  textLength: 69,
  textAsciiSize: 70,
} as const;

type DebugWords = Readonly<Record<keyof typeof DEBUG_3_13, number>>;

const DEBUG_3_14: DebugWords = {
  ...DEBUG_3_13,
  gilHolder: 19,
  threadNext: 24,
  threadFrame: 26,
  threadId: 27,
  threadNativeId: 28,
  framePrevious: 32,
  frameCode: 33,
  frameInstruction: 34,
  frameOwner: 36,
  codeFileName: 40,
  codeQualifiedName: 42,
  codeLineTable: 43,
  codeFirstLine: 44,
  codeInstructions: 48,
  objectType: 51,
  bytesLength: 75,
  bytesData: 76,
  textState: 78,
  textLength: 79,
  textAsciiSize: 80,
};

interface DebugTable {
  readonly words: DebugWords;
  /** The one thing that the table lacks. */
  readonly threadKey: number;
  /** Code is read where the interpreter has no GIL, too: since 3.14 each thread there has a copy of its own of it. */
  readonly freeThreaded: boolean;
}

/** They are found by `major << 8 | minor`. */
const DEBUG_TABLES: ReadonlyMap<number, DebugTable> = new Map([
  [0x30d, { words: DEBUG_3_13, threadKey: 2160, freeThreaded: true }],
  [0x30e, { words: DEBUG_3_14, threadKey: 2336, freeThreaded: false }],
]);

/**
 * Returns the layout of the interpreter whose `_PyRuntime` is at `runtime`.
 *
 * @param version `Py_Version`: major, minor, patch, release level, from the highest byte on
 * @returns `undefined` for versions that are not known
 */
export function layoutOf(memory: Memory, { version, runtime }: { version: number; runtime: number }) {
  const minor = version >>> 16;
  const table = DEBUG_TABLES.get(minor);
  return table ? debugLayout(memory, { minor, runtime, table }) : TABLES.get(minor);
}

/** Reads what the interpreter says of itself. */
function debugLayout(
  memory: Memory,
  { minor, runtime, table: { words, threadKey, freeThreaded } }: {
    minor: number;
    runtime: number;
    table: DebugTable;
  },
): Layout | undefined {
  const bytes = memory.read(runtime, (Math.max(...Object.values(words)) + 1) * 8);
  if (bytes === undefined || !COOKIE.split("").every((c, i) => bytes[i] === c.charCodeAt(0))) {
    return undefined;
  }
  const word = (name: keyof DebugWords) => wordAt(bytes, words[name] * 8);
  if (word("version") >>> 16 !== minor || (word("freeThreaded") !== 0 && !freeThreaded)) return undefined;
  const names = Object.keys(words) as (keyof DebugWords)[];
  if (names.some((name) => name !== "version" && word(name) > MAX_OFFSET)) return undefined;
  return {
    interpreters: word("interpretersHead"),
    mainInterpreter: word("interpretersHead") + 8,
    holder: { in: "interpreter", offset: word("gilHolder") },
    threadKey,
    frames: {
      interpreterNext: word("interpreterNext"),
      interpreterThreads: word("interpreterThreads"),
      threadNext: word("threadNext"),
      threadId: word("threadId"),
      threadNativeId: word("threadNativeId"),
      threadFrame: word("threadFrame"),
      cframeFrame: undefined,
      frameCode: word("frameCode"),
      framePrevious: word("framePrevious"),
      frameInstruction: word("frameInstruction"),
      instructionBytes: 0,
      frameMark: word("frameOwner"),
      entryOwner: OWNED_BY_LOOP,
      codeInstructions: word("codeInstructions"),
    },
    objects: {
      type: word("objectType"),
      code: {
        fileName: word("codeFileName"),
        qualifiedName: word("codeQualifiedName"),
        lineTable: word("codeLineTable"),
        firstLine: word("codeFirstLine"),
        lines: "locations",
      },
      bytes: { length: word("bytesLength"), data: word("bytesData") },
      text: {
        length: word("textLength"),
        state: word("textState"),
        asciiData: word("textAsciiSize"),
        // PyCompactUnicodeObject: a length and a pointer more.
        otherData: word("textAsciiSize") + 16,
      },
    },
  };
}
