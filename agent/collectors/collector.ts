// SPDX-License-Identifier: Apache-2.0
/**
 * A collector counts in the kernel and is drained once a window.
 *
 * @module
 */

import type { Kind, Outcome } from "../../profile/model.ts";
import type { Interpreter } from "../python/interpreter.ts";
import type { RawPythonFrame } from "../python/python_symbols.ts";

/** A process while it runs one program. */
export interface ProgramOf {
  /** The process's number in the pid namespace of the agent. */
  readonly pid: number;
  /** Names the program, see `agent/metadata/program.ts`. @default {0} it is not known */
  readonly program?: number | undefined;
}

/** The stack of a thread, without names. */
export interface RawStack extends ProgramOf {
  /** The thread's name. */
  readonly comm: string;
  /** Frame addresses of user space, leaf first; negative ones are in files, see `agent/elf/file_address.ts`. */
  readonly user: readonly number[];
  /** The low 48 bits of kernel addresses, leaf first: the 16 above them are ones, and a number holds 53. */
  readonly kernel: readonly number[];
  /** The Python functions that it was in, leaf first. */
  readonly python?: readonly RawPythonFrame[];
}

/** All who held a lock before those who are still known, as one. */
export const EARLIER_HOLDERS: RawStack = { pid: 0, comm: "", user: [], kernel: [] };

/** One row that the kernel counted. */
export interface RawSample extends RawStack {
  /** Nanoseconds. */
  readonly value: number;
  readonly count: number;
  /** The call, which is the leaf frame, for kind syscall. */
  readonly call?: string;
}

/** Holds what is known of what was waited for without names: bits of `enum aperture_hint` in `bpf/lock.h`. */
export interface FutexHints {
  readonly hints: number;
  /** The last of the waits expected this word at the futex. */
  readonly value: number;
  /** The waiter's process has the futex here, or the kernel its lock; 0n when the waits were at several places. */
  readonly address: bigint;
}

/** Waits of one thread at one place that ended alike, and what they have of one holder. */
export interface RawLock extends FutexHints {
  readonly waiter: RawStack;
  /**
   * Tells who held what was waited for, and where it was given back; `undefined` where nobody was seen to, and
   * {@linkcode EARLIER_HOLDERS} for all that held it before those who are still known.
   */
  readonly holder: RawStack | undefined;
  /** `futex` for user space; in the kernel the kind of lock: `spin`, `mutex`, `rwsem`, `rt`, … */
  readonly type: string;
  readonly outcome: Outcome;
  /** Waits that this holder ended; where they are open, those that wait for this one now. */
  readonly count: number;
  /** All waits had so much of this window of this holder, in ns. */
  readonly delayNs: number;
  /** The longest of `count`, from its begin on, in ns. */
  readonly maxNs: number;
  /**
   * Counts how many of `count` took from 2^i up to 2^(i+1) ns from their begin to their end, at index i; none where
   * open.
   */
  readonly histogram: readonly number[];
}

/** Says how long futexes that others waited for were held. */
export interface RawHold {
  /** They were given back here. */
  readonly holder: RawStack;
  readonly hints: number;
  readonly count: number;
  /** Holds the time of all together, and of the longest, in ns. */
  readonly totalNs: number;
  readonly maxNs: number;
  /** Counts how many took from 2^i up to 2^(i+1) ns, at index i. */
  readonly histogram: readonly number[];
}

/** The calls of one kind that the threads of one name made in one process. */
export interface RawSyscall extends ProgramOf {
  /** The thread's name. */
  readonly comm: string;
  /** The name in the kernel's table; calls of 32-bit code on a 64-bit kernel are `ia32:NAME`. */
  readonly call: string;
  /** Calls that ended. */
  readonly count: number;
  /** The number that failed, by errno. */
  readonly errors: ReadonlyMap<number, number>;
  /** All calls had so much of this window, also those that did not end. */
  readonly totalNs: number;
  /** The calls that ended took at least this, each from its begin on; 0 of none. */
  readonly minNs: number;
  readonly maxNs: number;
  /** The number that took from 2^i up to 2^(i+1) ns, at index i; less than 2 ns counts at 0. */
  readonly histogram: readonly number[];
  /** Calls that did not end yet, and the ns since the oldest of them began. */
  readonly open: number;
  readonly oldestNs: number;
}

/** Holds the calls that took long and ended, from begin to end, of the threads of one name on one object. */
export interface RawSlowCall extends ProgramOf {
  /** The thread's name. */
  readonly comm: string;
  readonly call: string;
  /** The path of a file, the peer of a socket, or the kind of descriptor; "" where there is none, or it is not known. */
  readonly object: string;
  readonly count: number;
  /** Holds the time of all in ns, of that on a CPU, of that waiting for locks of the kernel, and that of the longest. */
  readonly totalNs: number;
  readonly onCpuNs: number;
  readonly inLockNs: number;
  readonly maxNs: number;
}

/** A window has what was counted between two drains. */
export interface Window {
  readonly samples: readonly RawSample[];
  readonly locks?: readonly RawLock[];
  readonly holds?: readonly RawHold[];
  readonly syscalls?: Iterable<RawSyscall>;
  readonly slowCalls?: readonly RawSlowCall[];
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
  /** Is why some of what was counted could not be read: it is still in the kernel, for a later drain. @default {all was} */
  readonly failure?: Error;
  /** Is called by who has added the window up, and does not look at it any more: what it is in is used again. */
  readonly release?: () => void;
}

export interface DrainOptions {
  /**
   * The window goes on, only its maps are emptied: what is open then, and what was lost, is told when it ends, by the
   * next drain that is not early.
   *
   * @default {false}
   */
  readonly early?: boolean;
}

export interface Collector extends Disposable {
  readonly kind: Kind;
  /** Its maps use so many bytes of the kernel's memory. */
  readonly memoryBytes: number;
  /** Tells how full the fullest of the maps is that are counted into, from 0 to 1; to ask costs next to nothing. */
  readonly fill: number;
  /** Such a map that is empty is full after so many ms at the earliest. @default that is not known */
  readonly fillsInMs?: number;
  /**
   * Takes what was counted until now since the last call; nothing is counted twice or lost between two calls. Waits for
   * the programs that run, some milliseconds; calls meanwhile take their turn.
   *
   * @throws {Error} when the collector is disposed of meanwhile
   */
  drain(options?: DrainOptions): Promise<Window>;
  /** Samples at another frequency from the next drain on, where it samples by time. */
  setFrequency?(freq: number): void;
  /** Reads Python's frames in these processes from now on, and in no others. */
  watchPython?(interpreters: ReadonlyMap<number, Interpreter>): void;
}
