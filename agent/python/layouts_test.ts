// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { existsSync } from "node:fs";
import { run, RunningProgram, TempFolder } from "../../tests/support/programs.ts";
import { pythons } from "../../tests/support/pythons.ts";
import { testWith } from "../../tests/support/needs.ts";
import { ProcessTable } from "../metadata/processes.ts";
import { findInterpreter } from "./interpreter.ts";
import { type Layout, layoutOf } from "./layouts.ts";
import type { Memory } from "./memory.ts";

/** Prints what the compiler makes of the headers, in the shape of a layout. */
const OFFSETS = `
#define Py_BUILD_CORE 1
#include <Python.h>
#include <frameobject.h>
#include <internal/pycore_pystate.h>
#if PY_VERSION_HEX >= 0x03090000
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include <internal/pycore_frame.h>
#endif
#include <stdio.h>
#define AT(type, member) __builtin_offsetof(type, member)
#if PY_VERSION_HEX < 0x030b0000
#define HOLDER "runtime", AT(_PyRuntimeState, gilstate.tstate_current)
#define KEY AT(_PyRuntimeState, gilstate.autoTSSkey)
#define THREADS AT(PyInterpreterState, tstate_head)
#define NATIVE AT(PyThreadState, thread_id)
#define FRAME AT(PyThreadState, frame)
#define FRAMES (size_t)AT(PyFrameObject, f_code), (size_t)AT(PyFrameObject, f_back), (size_t)AT(PyFrameObject, f_lasti)
#define UNIT (PY_VERSION_HEX < 0x030a0000 ? 1 : 2)
#define MARK (size_t)0, 0
#define INSTRUCTIONS (size_t)0
#define NAME AT(PyCodeObject, co_name)
#if PY_VERSION_HEX < 0x030a0000
#define LINES AT(PyCodeObject, co_lnotab)
#define FORMAT "lnotab"
#else
#define LINES AT(PyCodeObject, co_linetable)
#define FORMAT "ranges"
#endif
#else
#define THREADS AT(PyInterpreterState, threads.head)
#define NATIVE AT(PyThreadState, native_thread_id)
#define FRAMES AT(_PyInterpreterFrame, CODE), AT(_PyInterpreterFrame, previous), AT(_PyInterpreterFrame, INSTRUCTION)
#define UNIT 0
#define INSTRUCTIONS AT(PyCodeObject, co_code_adaptive)
#define NAME AT(PyCodeObject, co_qualname)
#define LINES AT(PyCodeObject, co_linetable)
#define FORMAT "locations"
#if PY_VERSION_HEX < 0x030c0000
#define KEY AT(_PyRuntimeState, gilstate.autoTSSkey)
#else
#define KEY AT(_PyRuntimeState, autoTSSkey)
#endif
#if PY_VERSION_HEX < 0x030c0000
#define HOLDER "runtime", AT(_PyRuntimeState, gilstate.tstate_current)
#define MARK AT(_PyInterpreterFrame, is_entry), 0
#else
#define HOLDER "interpreter", AT(PyInterpreterState, _gil.last_holder)
#if PY_VERSION_HEX < 0x030e0000
#define MARK AT(_PyInterpreterFrame, owner), FRAME_OWNED_BY_CSTACK
#else
#define MARK AT(_PyInterpreterFrame, owner), FRAME_OWNED_BY_INTERPRETER
#endif
#endif
#if PY_VERSION_HEX < 0x030d0000
#define FRAME AT(PyThreadState, cframe)
#define CODE f_code
#define INSTRUCTION prev_instr
#else
#define FRAME AT(PyThreadState, current_frame)
#define CODE f_executable
#define INSTRUCTION instr_ptr
#endif
#endif
int main(void)
{
	printf("{\\"interpreters\\":%zu,\\"mainInterpreter\\":%zu,\\"holder\\":{\\"in\\":\\"%s\\",\\"offset\\":%zu},"
	       "\\"threadKey\\":%zu,",
	       AT(_PyRuntimeState, interpreters.head), AT(_PyRuntimeState, interpreters.main), HOLDER, KEY);
	printf("\\"frames\\":{\\"interpreterNext\\":%zu,\\"interpreterThreads\\":%zu,\\"threadNext\\":%zu,\\"threadId\\":%zu,"
	       "\\"threadNativeId\\":%zu,\\"threadFrame\\":%zu,",
	       AT(PyInterpreterState, next), THREADS, AT(PyThreadState, next),
	       AT(PyThreadState, thread_id), NATIVE, FRAME);
#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030d0000
	printf("\\"cframeFrame\\":%zu,", AT(_PyCFrame, current_frame));
#endif
	printf("\\"frameCode\\":%zu,\\"framePrevious\\":%zu,\\"frameInstruction\\":%zu,\\"instructionBytes\\":%d,"
	       "\\"frameMark\\":%zu,\\"entryOwner\\":%d,\\"codeInstructions\\":%zu},",
	       FRAMES, UNIT, MARK, INSTRUCTIONS);
	printf("\\"objects\\":{\\"type\\":%zu,\\"code\\":{\\"fileName\\":%zu,\\"qualifiedName\\":%zu,\\"lineTable\\":%zu,"
	       "\\"firstLine\\":%zu,\\"lines\\":\\"%s\\"},",
	       AT(PyObject, ob_type), AT(PyCodeObject, co_filename), NAME, LINES,
	       AT(PyCodeObject, co_firstlineno), FORMAT);
	printf("\\"bytes\\":{\\"length\\":%zu,\\"data\\":%zu},", AT(PyBytesObject, ob_base.ob_size), AT(PyBytesObject, ob_sval));
	printf("\\"text\\":{\\"length\\":%zu,\\"state\\":%zu,\\"asciiData\\":%zu,\\"otherData\\":%zu}}}\\n",
	       AT(PyASCIIObject, length), AT(PyASCIIObject, state), sizeof(PyASCIIObject), sizeof(PyCompactUnicodeObject));
}`;

for (const { path, version } of pythons()) {
  const include = run(path, ["-c", "import sysconfig; print(sysconfig.get_path('include'))"]).trim();
  if (!existsSync(`${include}/internal/pycore_pystate.h`)) continue;
  testWith(
    ["root", "clang"],
    `layoutOf() is what the headers of CPython ${version} say (${path})`,
    async () => {
      using folder = new TempFolder();
      const source = folder.write("offsets.c", OFFSETS);
      run("clang", [
        "-w",
        `-I${include}`,
        `-I${include}/internal`,
        `-I${include}/..`,
        source,
        "-o",
        `${folder.path}/offsets`,
      ]);
      const expected = JSON.parse(run(`${folder.path}/offsets`, [])) as Layout;
      await using python = await RunningProgram.start(path, [
        "-c",
        "import time; print(1, flush=True); time.sleep(600)",
      ]);
      const { frames, objects } = findInterpreter(new ProcessTable().get(python.pid)!)!;
      const defined = JSON.parse(JSON.stringify({ frames, objects: objects.layout }));
      assertEquals(defined, { frames: expected.frames, objects: expected.objects });
      const number = parseInt(
        version.split(".").map((n) => Number(n).toString(16).padStart(2, "0")).join(""),
        16,
      );
      // Of versions with a table of their own the rest is compared here, too.
      const layout = layoutOf({ read: () => undefined }, { version: number * 256, runtime: 1 });
      if (layout) assertEquals(JSON.parse(JSON.stringify(layout)), expected);
    },
  );
}

Deno.test("layoutOf() knows no version but 3.8 to 3.14, and takes no junk for the table of 3.13 or 3.14", () => {
  const nothing: Memory = { read: () => undefined };
  for (const version of [0x02071200, 0x030700f0, 0x030f00f0, 0x040000f0, 0]) {
    assertEquals(layoutOf(nothing, { version, runtime: 1 }), undefined);
  }
  const bytes = fc.uint8Array({ minLength: 648, maxLength: 648 });
  const version = fc.constantFrom(0x030d00f0, 0x030e00f0);
  fc.assert(fc.property(bytes, version, fc.boolean(), (bytes, version, cookie) => {
    if (cookie) bytes.set(new TextEncoder().encode("xdebugpy"));
    const memory: Memory = { read: (_, length) => Uint8Array.from(bytes.subarray(0, length)) };
    return layoutOf(memory, { version, runtime: 1 }) === undefined;
  }));
});

Deno.test("layoutOf() does not read 3.14 without a GIL, where threads have copies of code", () => {
  const words = new BigUint64Array(81);
  const bytes = new Uint8Array(words.buffer);
  bytes.set(new TextEncoder().encode("xdebugpy"));
  words[1] = 0x030e00f0n;
  const memory: Memory = { read: (_, length) => bytes.slice(0, length) };
  assertEquals(layoutOf(memory, { version: 0x030e00f0, runtime: 1 }) === undefined, false);
  words[2] = 1n;
  assertEquals(layoutOf(memory, { version: 0x030e00f0, runtime: 1 }), undefined);
});
