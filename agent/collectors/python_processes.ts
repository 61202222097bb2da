// SPDX-License-Identifier: Apache-2.0
/**
 * Tells the kernel side in which processes to read Python's frames, and how.
 *
 * @module
 */

import { type BpfMap, PYTHON } from "../libbpf/mod.ts";
import type { Interpreter } from "../python/interpreter.ts";

/** The map `python_processes` of an object. */
export class PythonProcesses {
  readonly #map: BpfMap;
  readonly #watched = new Map<number, Interpreter>();

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Makes the map hold these and no others; those above its size are left out. */
  watch(interpreters: ReadonlyMap<number, Interpreter>): void {
    for (const pid of this.#watched.keys()) {
      if (interpreters.has(pid)) continue;
      this.#map.delete(Uint32Array.of(pid));
      this.#watched.delete(pid);
    }
    for (const [pid, interpreter] of interpreters) {
      if (this.#watched.get(pid) === interpreter) continue;
      if (!this.#watched.has(pid) && this.#watched.size >= this.#map.maxEntries) continue;
      this.#map.update(Uint32Array.of(pid), encode(interpreter));
      this.#watched.set(pid, interpreter);
    }
  }
}

function encode({ holder, interpreters, frames, own }: Interpreter): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PYTHON.size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(PYTHON.holder, BigInt(holder), true);
  view.setBigUint64(PYTHON.interpreters, BigInt(interpreters), true);
  const threadId = Deno.build.arch === "x86_64" ? frames.threadId : frames.threadNativeId;
  const words: readonly (readonly [at: number, value: number])[] = [
    [PYTHON.interpreter_next, frames.interpreterNext],
    [PYTHON.interpreter_threads, frames.interpreterThreads],
    [PYTHON.thread_next, frames.threadNext],
    [PYTHON.thread_id, threadId],
    [PYTHON.thread_frame, frames.threadFrame],
    [PYTHON.has_cframe, frames.cframeFrame === undefined ? 0 : 1],
    [PYTHON.cframe_frame, frames.cframeFrame ?? 0],
    [PYTHON.frame_code, frames.frameCode],
    [PYTHON.frame_previous, frames.framePrevious],
    [PYTHON.frame_instruction, frames.frameInstruction],
    [PYTHON.frame_mark, frames.frameMark],
    [PYTHON.entry_owner, frames.entryOwner],
    [PYTHON.code_instructions, frames.codeInstructions],
    [PYTHON.instruction_bytes, frames.instructionBytes],
    [PYTHON.thread_values, own?.values ?? 0],
    [PYTHON.thread_key, own?.key ?? 0],
  ];
  for (const [at, value] of words) view.setUint32(at, value, true);
  return bytes;
}
