// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the model that agent and aggregator share: a profile as columns.
 *
 * A column holds one field of all rows of a table; rows of different tables refer to each other by index,
 * and text stands in one string table whose entry 0 is "". The wire has the same shape
 * (`proto/aperture/v1/aperture.proto`), so that a batch is read and written without an object per sample.
 *
 * @module
 */

/** Lists what is watched. `all` is a mode of the agent, not a kind. */
export const KINDS = ["cpu", "lock", "syscall"] as const;
export type Kind = (typeof KINDS)[number];

/** Holds the wire's number of each kind (`aperture.v1.Kind`). */
export const KIND_NUMBER: Readonly<Record<Kind, number>> = { cpu: 1, lock: 2, syscall: 3 };

/** Returns the name of the wire's kind `number`; `undefined` when there is no such kind. */
export function kindOf(number: number): Kind | undefined {
  return KINDS[number - 1];
}

/**
 * Says how a wait for a lock ended: its holder passed it on, or the waiter gave up; `open` is what of a window was
 * waited where the wait went on at its end.
 */
export const OUTCOMES = ["woken", "timeout", "interrupted", "open"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Holds the wire's number of each outcome (`aperture.v1.WaitOutcome`). */
export const OUTCOME_NUMBER: Readonly<Record<Outcome, number>> = {
  woken: 1,
  timeout: 2,
  interrupted: 3,
  open: 4,
};

/** Returns the name of the wire's outcome `number`; `undefined` when there is no such outcome. */
export function outcomeOf(number: number): Outcome | undefined {
  return OUTCOMES[number - 1];
}

/** These modules are not files. */
export const KERNEL_MODULE = "[kernel]";
export const VDSO_MODULE = "[vdso]";
/** Stands for executable memory that belongs to no file. */
export const JIT_MODULE = "[jit]";
/** Stands for Python functions that could not be named: the process or the function was gone. */
export const PYTHON_MODULE = "[python]";
/** The process or its mapping was gone before it could be read. */
export const UNKNOWN_MODULE = "[unknown]";
/** The function of a leaf frame of this module is a system call. */
export const SYSCALL_MODULE = "[syscall]";

/**
 * Says how much whoever named a location knew: nothing (0), the symbols that other files may use (1), the whole symbol
 * table (2), debug information (3). Of two names of one location the one of the higher rank counts.
 */
export const RANK = { none: 0, dynamic: 1, symbols: 2, debug: 3 } as const;
export type Rank = (typeof RANK)[keyof typeof RANK];

/** Is one function at one place. */
export interface Frame {
  /** The name is demangled; `module+0xoffset` when it is not known. */
  readonly function: string;
  /** Is the file's path, or one of the bracketed names above; a kernel module is `[name]`. */
  readonly module: string;
  /** Is the source file, "" when not known. */
  readonly file: string;
  /** Is the line in `file`, 0 when not known. */
  readonly line: number;
  /** Is lower-case hex, "" when the module has none. */
  readonly buildId: string;
  /** The address is in the module, as its symbol table counts; in the kernel, from `_text`. */
  readonly address: number;
  /** Is the line of `file` at which the function begins. @default {0}, not known */
  readonly startLine?: number;
  /** The frame is inlined in the one that follows it in a stack: both are the same location. @default {false} */
  readonly inlined?: boolean;
  /** Says where the name is from. @default what `symbolRank()` makes of it */
  readonly rank?: Rank;
}

/** Holds the labels of what a sample belongs to, beside its node. "" is not known. */
export interface Series {
  /** The pid is in the agent's pid namespace; 0 when the process is outside of it. */
  readonly pid: number;
  /** Is the thread's name. */
  readonly comm: string;
  /** Is the path of the program. */
  readonly exe: string;
  /** Is the script or the link that people call the process by; "" where that is the base name of `exe`. */
  readonly process: string;
  readonly container: string;
  readonly pod: string;
  readonly namespace: string;
  readonly service: string;
  /** Holds the labels of the pod that were asked for, as `encodeLabels()` writes them. */
  readonly labels: string;
}

/** `function`, `module`, `file` and `buildId` are indexes into the string table. */
export interface FrameColumns {
  readonly function: Uint32Array;
  readonly module: Uint32Array;
  readonly file: Uint32Array;
  readonly line: Uint32Array;
  readonly buildId: Uint32Array;
  readonly address: Float64Array;
  readonly startLine: Uint32Array;
  /** Is 1 where the frame is inlined in the one that follows it in a stack, else 0. */
  readonly inlined: Uint32Array;
  /** Is a {@linkcode Rank}. */
  readonly rank: Uint32Array;
}

/** Stack `i` is `frame[offset[i]]` (the leaf) to `frame[offset[i + 1] - 1]` (the root). */
export interface StackColumns {
  readonly offset: Uint32Array;
  /** Holds rows of the frame table. */
  readonly frame: Uint32Array;
}

/** All but `pid` are indexes into the string table. */
export interface SeriesColumns {
  readonly pid: Uint32Array;
  readonly comm: Uint32Array;
  readonly exe: Uint32Array;
  readonly container: Uint32Array;
  readonly pod: Uint32Array;
  readonly namespace: Uint32Array;
  readonly service: Uint32Array;
  readonly labels: Uint32Array;
  readonly process: Uint32Array;
}

export interface SampleColumns {
  /** Is the wire's number of the kind. */
  readonly kind: Uint8Array;
  /** Is the row of the series table. */
  readonly series: Uint32Array;
  /** Is the row of the stack table. */
  readonly stack: Uint32Array;
  /** The value is in nanoseconds; an integer, at most 2^53 - 1. */
  readonly value: Float64Array;
  readonly count: Float64Array;
}

/** Holds waits for locks; rows differ in all but `count`, `delay`, `max` and their histogram. */
export interface LockColumns {
  /** Is the wire's number of the outcome. */
  readonly outcome: Uint8Array;
  /** Names the thread that waited: a row of the series table, and one of the stack table. */
  readonly series: Uint32Array;
  readonly stack: Uint32Array;
  /** Says what the lock is for, `mutex`, `condvar`, …, as a row of the string table. */
  readonly class: Uint32Array;
  /** Is `futex`, or the kernel's kind of lock; row of the string table. */
  readonly type: Uint32Array;
  /**
   * Says where the lock is, as a row of the string table: `SYMBOL in MODULE` for one with a place in a file, `heap`,
   * `stack`, `shared memory`, or "" where the row is of several locks, or that is not known.
   */
  readonly address: Uint32Array;
  /**
   * Is the series of who held it meanwhile, where that is a lock, else of who ended the wait: 0 when nobody was seen
   * to, else the row and 1. Both are 0, or neither.
   */
  readonly holderSeries: Uint32Array;
  readonly holderStack: Uint32Array;
  /** Counts waits that this holder ended; of outcome `open`, those that wait at the window's end. */
  readonly count: Float64Array;
  /** Counts nanoseconds of this window that all waits had of this holder, and of the longest of `count`, as a whole. */
  readonly delay: Float64Array;
  readonly max: Float64Array;
  /** Says how long `count` waits were as a whole, as {@linkcode SyscallColumns} has it; none where they are open. */
  readonly histogramOffset: Uint32Array;
  readonly histogram: Float64Array;
}

/** Says how long locks were held for which others waited; rows differ in series, stack and class. */
export interface HoldColumns {
  /** Says which thread gave it back, and where: row of the series table, and of the stack table. */
  readonly series: Uint32Array;
  readonly stack: Uint32Array;
  /** Is as of {@linkcode LockColumns}. */
  readonly class: Uint32Array;
  readonly count: Float64Array;
  /** Counts nanoseconds of all, and of the longest. */
  readonly total: Float64Array;
  readonly max: Float64Array;
  /** Is as {@linkcode SyscallColumns} has it. */
  readonly histogramOffset: Uint32Array;
  readonly histogram: Float64Array;
}

/** Holds system calls; rows differ in series, call and category. */
export interface SyscallColumns {
  /** Is the row of the series table. */
  readonly series: Uint32Array;
  /** Is the call's name, and what it is for; rows of the string table. */
  readonly call: Uint32Array;
  readonly category: Uint32Array;
  /** Counts calls that ended. */
  readonly count: Float64Array;
  /** Counts nanoseconds of this window that all calls had, and as a whole the shortest and the longest that ended. */
  readonly total: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  /** The errors of row `i` are `errno[errorOffset[i]]` to `errno[errorOffset[i + 1] - 1]`, each `errorCount` times. */
  readonly errorOffset: Uint32Array;
  readonly errno: Uint32Array;
  readonly errorCount: Float64Array;
  /**
   * The latencies of row `i` are `histogram[histogramOffset[i]]` to `histogram[histogramOffset[i + 1] - 1]`: the
   * `b`-th of them is how many calls took from 2^b up to 2^(b+1) ns, the first also those of less. Zeros at the end
   * are left out.
   */
  readonly histogramOffset: Uint32Array;
  readonly histogram: Float64Array;
  /** Counts calls that did not end, and nanoseconds since the oldest of them began. */
  readonly open: Float64Array;
  readonly oldest: Float64Array;
}

/** Holds the calls that took long and ended, as a whole from begin to end; rows differ in series, call and object. */
export interface SlowCallColumns {
  /** Is the row of the series table. */
  readonly series: Uint32Array;
  /** Is the call's name, what it is for, and what it was made on; rows of the string table. */
  readonly call: Uint32Array;
  readonly category: Uint32Array;
  /** Is the path of a file, the peer of a socket, or the kind of descriptor; "" where it has none, or is not known. */
  readonly object: Uint32Array;
  readonly count: Float64Array;
  /** Counts nanoseconds of all, of these on a CPU, of these waiting for a lock of the kernel, and of the longest. */
  readonly total: Float64Array;
  readonly onCpu: Float64Array;
  readonly inLock: Float64Array;
  readonly max: Float64Array;
}

/**
 * Holds samples of profiles that others made; rows differ in type, series and stack. The agent makes none.
 */
export interface ForeignColumns {
  /** Names the type of the profile, see `profile_type.ts`; row of the string table. */
  readonly type: Uint32Array;
  /** Is the row of the series table, and of the stack table. */
  readonly series: Uint32Array;
  readonly stack: Uint32Array;
  /** The value is in the unit of the type; an integer, at most 2^53 - 1. */
  readonly value: Float64Array;
  /** Counts the samples that the value was summed from. */
  readonly count: Float64Array;
}

/**
 * Holds what was counted, and what that refers to.
 *
 * Waits for locks are in `locks` alone: samples of kind lock are made of them where a graph is wanted
 * (`withLockSamples`), so that the two cannot disagree.
 */
export interface Profile {
  readonly strings: readonly string[];
  readonly frames: FrameColumns;
  readonly stacks: StackColumns;
  readonly series: SeriesColumns;
  readonly samples: SampleColumns;
  readonly locks: LockColumns;
  readonly holds: HoldColumns;
  readonly syscalls: SyscallColumns;
  readonly slowCalls: SlowCallColumns;
  /** Left out for none. */
  readonly foreign?: ForeignColumns;
}

/** Is one window of one agent. (agentId, epoch, sequence) names it for ever. */
export interface Batch extends Profile {
  readonly agentId: string;
  /** Says, in Unix nanoseconds, when this run of the agent began. */
  readonly epoch: bigint;
  /** The number is 1 for the first window of the epoch. */
  readonly sequence: number;
  /** The time is in Unix nanoseconds. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly node: string;
  readonly agentVersion: string;
  /** Says how many samples could not be counted, by reason. */
  readonly losses: ReadonlyMap<string, number>;
  /**
   * Counts how walks along user stacks ended: `complete` at the thread's entry, others before it. Left out for none.
   */
  readonly stackEnds?: ReadonlyMap<string, number>;
  /** Left out where it is not known. */
  readonly usage?: AgentUsage;
}

/** Says what the processes of an agent took. */
export interface AgentUsage {
  /** Is their time on CPUs since the window before, in ns; what the kernel runs for them elsewhere is not in it. */
  readonly cpuNs: number;
  /** Is their memory in RAM at the window's end, in bytes. */
  readonly memoryBytes: number;
}

/** Holds a value in nanoseconds and how many samples it was summed from. */
export interface Total {
  readonly value: number;
  readonly count: number;
}

/** Counts the stacks of `profile`. */
export function stackCount(profile: Pick<Profile, "stacks">): number {
  return profile.stacks.offset.length - 1;
}

/** Returns row `row` of the frame table with its strings. */
export function frameAt(
  { frames, strings }: Pick<Profile, "frames" | "strings">,
  row: number,
): Required<Frame> {
  return {
    function: strings[frames.function[row]!]!,
    module: strings[frames.module[row]!]!,
    file: strings[frames.file[row]!]!,
    line: frames.line[row]!,
    buildId: strings[frames.buildId[row]!]!,
    address: frames.address[row]!,
    startLine: frames.startLine[row]!,
    inlined: frames.inlined[row] === 1,
    rank: frames.rank[row] as Rank,
  };
}

/** Returns row `row` of the series table with its strings. */
export function seriesAt({ series, strings }: Pick<Profile, "series" | "strings">, row: number): Series {
  return {
    pid: series.pid[row]!,
    comm: strings[series.comm[row]!]!,
    exe: strings[series.exe[row]!]!,
    container: strings[series.container[row]!]!,
    pod: strings[series.pod[row]!]!,
    namespace: strings[series.namespace[row]!]!,
    service: strings[series.service[row]!]!,
    labels: strings[series.labels[row]!]!,
    process: strings[series.process[row]!]!,
  };
}

/** Returns how many rows of samples, locks, holds, system calls, slow ones and samples of others there are. */
export function rowCount(
  { samples, locks, holds, syscalls, slowCalls, foreign }: Pick<
    Profile,
    "samples" | "locks" | "holds" | "syscalls" | "slowCalls" | "foreign"
  >,
): number {
  return samples.kind.length + locks.outcome.length + holds.class.length + syscalls.call.length +
    slowCalls.call.length + (foreign?.type.length ?? 0);
}

/**
 * Returns how many events were counted: samples, waits, calls that ended, and samples of others. Samples of calls are
 * among the calls.
 */
export function eventCount(profile: Pick<Profile, "samples" | "locks" | "syscalls" | "foreign">): number {
  const sum = (column: Float64Array) => column.reduce((a, b) => a + b, 0);
  const { samples, locks, syscalls, foreign } = profile;
  const calls = syscalls.call.length > 0 ? totalOf({ samples }, "syscall").count : 0;
  return sum(samples.count) - calls + endedWaits(locks) + sum(syscalls.count) +
    (foreign ? sum(foreign.count) : 0);
}

/** Returns how many waits ended: one that goes on counts in the window in which it ends. */
export function endedWaits({ outcome, count }: Pick<Profile["locks"], "outcome" | "count">): number {
  return count.reduce((sum, waits, row) => outcome[row] === OUTCOME_NUMBER.open ? sum : sum + waits, 0);
}

/** Returns the sum of all samples, or of those of one kind. */
export function totalOf({ samples }: Pick<Profile, "samples">, kind?: Kind): Total {
  const wanted = kind && KIND_NUMBER[kind];
  let value = 0;
  let count = 0;
  for (let i = 0; i < samples.kind.length; i++) {
    if (wanted !== undefined && samples.kind[i] !== wanted) continue;
    value += samples.value[i]!;
    count += samples.count[i]!;
  }
  return { value, count };
}
