// SPDX-License-Identifier: Apache-2.0
/**
 * Names Python frames.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import { existsSync } from "node:fs";
import { type Frame, PYTHON_MODULE } from "../../profile/model.ts";
import type { Process } from "../metadata/processes.ts";
import { type Code, type CodeHeader, lineOf, readCode, readCodeHeader } from "./code.ts";
import { findInterpreter, hasSeveral, type Interpreter } from "./interpreter.ts";
import { ProcessMemory } from "./memory.ts";
import type { PythonStack } from "./merge.ts";
import { PythonFiles } from "./python_files.ts";

/** One frame as the kernel read it. */
export interface RawPythonFrame {
  /** Address of the code object; 0 when the loop was entered and has no frame yet. */
  readonly code: number;
  /** Is the code unit that runs, -1 before the first; `undefined` when it is not known. */
  readonly unit: number | undefined;
  /** The interpreter's loop was entered with this frame. */
  readonly entry: boolean;
}

export interface PythonStats {
  /** Processes with an interpreter that is read. */
  readonly interpreters: number;
  /** Code objects that are held, and what they take. */
  readonly codes: number;
  readonly codeBytes: number;
  /** Frames, since the start, whose process was gone or whose code object was. */
  readonly unnamed: number;
}

const UNNAMED: Frame = {
  function: PYTHON_MODULE,
  module: PYTHON_MODULE,
  file: "",
  line: 0,
  buildId: "",
  address: 0,
};
const CODE_BYTES = 256;
/** A process that is as it was is not looked at again after so many windows. */
const MAX_TRIES = 3;

interface Known {
  readonly header: CodeHeader;
  readonly code: Code;
  readonly frames: Map<number, Frame>;
  /** It was last seen in this window to be there still. */
  window: number;
}

interface Entry {
  readonly process: Process;
  readonly interpreter: Interpreter | undefined;
  /** Counts how often the interpreter was looked for in vain, or before it had begun. */
  readonly tries: number;
  /** `null` when it is gone. */
  memory: ProcessMemory | null | undefined;
  /** It has several interpreters; `undefined` before that is read in a window. */
  several?: boolean | undefined;
}

/** Knows the interpreters of processes, and their functions. */
export class PythonSymbols implements Disposable {
  readonly #entries = new Map<number, Entry>();
  readonly #codes: LRUCache<string, Known>;
  readonly #files = new PythonFiles();
  #window = 0;
  #unnamed = 0;

  constructor({ cacheBytes = 16 << 20 }: {
    /** The functions that are held may take so many bytes. @default {16 MiB} */
    cacheBytes?: number;
  } = {}) {
    this.#codes = new LRUCache({
      maxSize: cacheBytes,
      sizeCalculation: ({ code }) =>
        CODE_BYTES + 2 * (code.name.length + code.file.length) + code.lines.bytes,
    });
  }

  get stats(): PythonStats {
    return {
      interpreters: this.interpreters().size,
      codes: this.#codes.size,
      codeBytes: this.#codes.calculatedSize,
      unnamed: this.#unnamed,
    };
  }

  /** Looks whether the process runs Python. Call when it was read anew. */
  look(process: Process): void {
    const known = this.#entries.get(process.pid);
    if (known?.process === process) return;
    if (!this.#files.mayHave(process.mappings)) {
      this.#forget(process.pid);
      return;
    }
    // The table of processes keeps what is equal; an exec changes every mapping.
    const same = known?.process.startTime === process.startTime &&
      known.process.mappings[0] === process.mappings[0];
    if (same && (known.interpreter?.holder || known.tries >= MAX_TRIES)) {
      this.#entries.set(process.pid, { ...known, process });
      return;
    }
    this.#forget(process.pid);
    const interpreter = findInterpreter(process, this.#files);
    this.#entries.set(process.pid, {
      process,
      interpreter,
      tries: same ? known.tries + 1 : 1,
      memory: undefined,
    });
  }

  /** Tells whether a process of which nothing else is known has a file of CPython's mapped. */
  mayRun(process: Pick<Process, "mappings" | "folder">): boolean {
    return this.#files.mayHave(process.mappings) && findInterpreter(process, this.#files) !== undefined;
  }

  /** Returns whether there is an interpreter in the process. */
  has(pid: number): boolean {
    return this.#entries.get(pid)?.interpreter !== undefined;
  }

  /** Returns them by process, for the kernel side. */
  interpreters(): Map<number, Interpreter> {
    const found = new Map<number, Interpreter>();
    for (const [pid, { interpreter }] of this.#entries) if (interpreter) found.set(pid, interpreter);
    return found;
  }

  /**
   * Returns the frames of a stack, in the runs that the native stack has loops for. They have no names where the process
   * is gone or has run another program since.
   */
  stack(process: Pick<Process, "pid" | "past"> | undefined, raw: readonly RawPythonFrame[]): PythonStack {
    const entry = process && !process.past ? this.#entries.get(process.pid) : undefined;
    const runs: Frame[][] = [];
    let run: Frame[] = [];
    for (const frame of raw) {
      if (frame.code !== 0) run.push(this.#frame(entry, frame));
      if (!frame.entry) continue;
      runs.push(run);
      run = [];
    }
    if (run.length > 0) runs.push(run);
    const whole = raw.at(-1)?.entry ?? true;
    // A thread may have come from one interpreter into another, whose functions alone are known: they are the inner ones.
    return { runs, whole: whole && !(entry && this.#mayBeInAnother(entry)) };
  }

  /** Call after the samples of a window. Processes that sleep are kept, so that they are known when they wake. */
  endWindow(): void {
    this.#window++;
    for (const [pid, entry] of this.#entries) {
      entry.memory?.[Symbol.dispose]();
      entry.memory = undefined;
      entry.several = undefined;
      if (!existsSync(entry.process.folder)) this.#entries.delete(pid);
    }
  }

  [Symbol.dispose](): void {
    for (const pid of this.#entries.keys()) this.#forget(pid);
  }

  #forget(pid: number): void {
    this.#entries.get(pid)?.memory?.[Symbol.dispose]();
    this.#entries.delete(pid);
  }

  #mayBeInAnother(entry: Entry): boolean {
    const { interpreter } = entry;
    if (!interpreter?.sharesLock) return false;
    const memory = memoryOf(entry);
    return entry.several ??= (memory && hasSeveral(memory, interpreter)) ?? false;
  }

  #frame(entry: Entry | undefined, { code: address, unit }: RawPythonFrame): Frame {
    const known = entry && this.#code(entry, address);
    if (known === undefined) {
      this.#unnamed++;
      return UNNAMED;
    }
    const { code, frames } = known;
    const line = lineOf(code, unit);
    let frame = frames.get(line);
    if (frame === undefined) {
      frame = { function: code.name, module: code.file, file: code.file, line, buildId: "", address: 0 };
      frames.set(line, frame);
    }
    return frame;
  }

  /** Returns the function at `address`, read again or compared with what is there now once a window. */
  #code(entry: Entry, address: number): Known | undefined {
    const { process, interpreter } = entry;
    const key = `${process.pid}:${process.startTime}:${address}`;
    const known = this.#codes.get(key);
    if (known?.window === this.#window || interpreter === undefined) return known;
    const memory = memoryOf(entry);
    // What was there before the process went, or its code was freed, is better than nothing.
    if (memory === null) return known;
    const reader = { memory, ...interpreter.objects };
    const header = readCodeHeader(reader, address);
    if (header === undefined) return known;
    if (known && equal(known.header, header)) {
      known.window = this.#window;
      return known;
    }
    const code = readCode(reader, header);
    if (code === undefined) return known;
    const read = { header, code, frames: new Map<number, Frame>(), window: this.#window };
    this.#codes.set(key, read);
    return read;
  }
}

function memoryOf(entry: Entry): ProcessMemory | null {
  return entry.memory === undefined
    ? entry.memory = ProcessMemory.open(entry.process.folder) ?? null
    : entry.memory;
}

function equal(a: CodeHeader, b: CodeHeader): boolean {
  return a.name === b.name && a.file === b.file && a.lines === b.lines && a.firstLine === b.firstLine;
}
