/**
 * A collector counts in the kernel and is drained once a window.
 *
 * @module
 */

import type { Kind, Outcome } from "../../profile/model.ts";
import type { Interpreter } from "../python/interpreter.ts";
import type { RawPythonFrame } from "../python/python_symbols.ts";

/** The stack of a thread, without names. */
export interface RawStack {
  /** The process's number in the pid namespace of the agent. */
  readonly pid: number;
  /** The thread's name. */
  readonly comm: string;
  /** Frame addresses of user space, leaf first; negative ones are in files, see `agent/elf/file_address.ts`. */
  readonly user: readonly number[];
  /** The low 48 bits of kernel addresses, leaf first: the 16 above them are ones, and a number holds 53. */
  readonly kernel: readonly number[];
  /** The Python functions that it was in, leaf first. */
  readonly python?: readonly RawPythonFrame[];
}

/** One row that the kernel counted. */
export interface RawSample extends RawStack {
  /** Nanoseconds. */
  readonly value: number;
  readonly count: number;
  /** The call, which is the leaf frame, for kind syscall. */
  readonly call?: string;
}

/** Waits of one thread at one place that ended alike. */
export interface RawLock {
  readonly waiter: RawStack;
  /** The thread that ended the waits, and where; `undefined` where nobody did, or it was not seen. */
  readonly holder: RawStack | undefined;
  /** `futex` for user space; in the kernel the kind of lock: `spin`, `mutex`, `rwsem`, `rt`, … */
  readonly type: string;
  readonly outcome: Outcome;
  readonly count: number;
  /** The time of all waits together, and of the longest, in ns. */
  readonly delayNs: number;
  readonly maxNs: number;
}

/** The calls of one kind that the threads of one name made in one process. */
export interface RawSyscall {
  /** The process's number in the pid namespace of the agent. */
  readonly pid: number;
  /** The thread's name. */
  readonly comm: string;
  /** The name in the kernel's table; calls of 32-bit code on a 64-bit kernel are `ia32:NAME`. */
  readonly call: string;
  readonly count: number;
  /** The number that failed, by errno. */
  readonly errors: ReadonlyMap<number, number>;
  readonly totalNs: number;
  readonly minNs: number;
  readonly maxNs: number;
  /** The number that took from 2^i up to 2^(i+1) ns, at index i; less than 2 ns counts at 0. */
  readonly histogram: readonly number[];
}

/** A window has what was counted between two drains. */
export interface Window {
  readonly samples: readonly RawSample[];
  readonly locks?: readonly RawLock[];
  readonly syscalls?: readonly RawSyscall[];
  /**
   * The number of events that could not be counted, by reason: the names of `enum aperture_loss` in `bpf/aperture.h`.
   */
  readonly losses: ReadonlyMap<string, number>;
  /**
   * The number of walks along user stacks by how they ended: the names of `enum aperture_stack_end` in
   * `bpf/aperture.h`, of which
   * `complete` is a whole stack.
   */
  readonly stackEnds?: ReadonlyMap<string, number>;
}

export interface Collector extends Disposable {
  readonly kind: Kind;
  /** Its maps use so many bytes of the kernel's memory. */
  readonly memoryBytes: number;
  /**
   * Takes what was counted until now since the last call; nothing is counted twice or lost between two calls. Waits for
   * the programs that run, some milliseconds; calls meanwhile take their turn.
   *
   * @throws {Error} when the collector is disposed of meanwhile
   */
  drain(): Promise<Window>;
  /** Reads Python's frames in these processes from now on, and in no others. */
  watchPython?(interpreters: ReadonlyMap<number, Interpreter>): void;
}
