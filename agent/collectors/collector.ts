/**
 * What every collector is: it counts in the kernel and is drained once a window.
 *
 * @module
 */

import type { Kind } from "../../profile/model.ts";
import type { Interpreter } from "../python/interpreter.ts";
import type { RawPythonFrame } from "../python/python_symbols.ts";

/** A thread and where it was, its stack not yet symbolised. */
export interface RawPlace {
  /** In the pid namespace of the agent. */
  readonly pid: number;
  /** The thread's name. */
  readonly comm: string;
  /** User addresses, leaf first; negative ones are of files, see `agent/elf/file_address.ts`. */
  readonly user: readonly number[];
  /** The low 48 bits of kernel addresses, leaf first: the 16 above them are ones, and a number holds 53. */
  readonly kernel: readonly number[];
  /** The Python functions that it was in, leaf first. */
  readonly python?: readonly RawPythonFrame[];
}

/** One row that the kernel counted. */
export interface RawSample extends RawPlace {
  /** Nanoseconds. */
  readonly value: number;
  readonly count: number;
  /** For kind syscall: the call, which is the leaf frame. */
  readonly call?: string;
}

/** How a wait for a lock ended: its owner passed it on, or the waiter gave up. */
export type WaitOutcome = "woken" | "timeout" | "interrupted";

/** Waits of one thread at one place that ended alike. */
export interface RawLock {
  readonly waiter: RawPlace;
  /** Who ended the waits, and where; `undefined` where nobody did, or it was not seen. */
  readonly holder: RawPlace | undefined;
  /** `futex` for user space; in the kernel the kind of lock: `spin`, `mutex`, `rwsem`, `rt`, … */
  readonly type: string;
  readonly outcome: WaitOutcome;
  readonly count: number;
  /** Of all waits together, and of the longest, in ns. */
  readonly delayNs: number;
  readonly maxNs: number;
}

/** What one thread's name in one process did with one system call. */
export interface RawSyscall {
  /** In the pid namespace of the agent. */
  readonly pid: number;
  /** The thread's name. */
  readonly comm: string;
  /** As the kernel's table names it; calls of 32-bit code on a 64-bit kernel are `ia32:NAME`. */
  readonly call: string;
  readonly count: number;
  /** How many failed, by errno. */
  readonly errors: ReadonlyMap<number, number>;
  readonly totalNs: number;
  readonly minNs: number;
  readonly maxNs: number;
  /** How many took from 2^i up to 2^(i+1) ns, at index i; less than 2 ns counts at 0. */
  readonly histogram: readonly number[];
}

/** What was counted between two drains. */
export interface Window {
  readonly samples: readonly RawSample[];
  readonly locks?: readonly RawLock[];
  readonly syscalls?: readonly RawSyscall[];
  /** What could not be counted, by reason: the names of `enum aperture_loss` in `bpf/aperture.h`. */
  readonly losses: ReadonlyMap<string, number>;
  /**
   * How many walks along user stacks ended how: the names of `enum aperture_stack_end` in `bpf/aperture.h`, of which
   * `complete` is a whole stack.
   */
  readonly stacks?: ReadonlyMap<string, number>;
}

export interface Collector extends Disposable {
  readonly kind: Kind;
  /** What its maps use of the kernel's memory, in bytes. */
  readonly memoryBytes: number;
  /** How full the fullest of the maps is that are counted into, from 0 to 1; to ask costs next to nothing. */
  readonly fill: number;
  /**
   * Takes what was counted until now since the last call; nothing is counted twice or lost between two calls. Waits for
   * the programs that run, some milliseconds; calls meanwhile take their turn.
   *
   * @throws {Error} when the collector is disposed of meanwhile
   */
  drain(): Promise<Window>;
  /** From now on, reads Python's frames in these processes, and in no others. */
  watchPython?(interpreters: ReadonlyMap<number, Interpreter>): void;
}
