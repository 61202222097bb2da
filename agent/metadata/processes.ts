// SPDX-License-Identifier: Apache-2.0
/**
 * Holds what the agent knows of each process: its program, its name, and what code is mapped where.
 *
 * A process is read once a window, when it is first asked for in that window, so that an exec or a dlopen
 * since the last window is seen, and a process without samples costs nothing.
 *
 * @module
 */

import { statFields } from "../../common/proc_stat.ts";
import { readLink, readSmallFile, readSmallText } from "../libbpf/mod.ts";
import { calledName } from "./called_name.ts";
import { isInterpreter, readArguments, scriptName } from "./script_name.ts";
import { executableMappings, isSameMapping, type Mapping } from "./maps.ts";
import { programNumber, Programs, type Ran } from "./program.ts";

/** A process as it was when it was read in this window. */
export interface Process extends Ran {
  /** The pid as the process itself sees it, in the innermost pid namespace. */
  readonly ownPid: number;
  /** Clock ticks since boot; with the pid it names a process for ever. */
  readonly startTime: number;
  readonly comm: string;
  /** The path of the program in its own mount namespace; "" for a kernel thread. */
  readonly exe: string;
  /**
   * What people call it by, where that is not the base name of `exe`: the script that it runs, else the link that it was
   * called by; else "".
   */
  readonly name: string;
  /** They are executable ones, ascending. */
  readonly mappings: readonly Mapping[];
  /** `/proc/PID`, below the root that was given; `/proc/PID/task/TID` where only other threads are left. */
  readonly folder: string;
}

export interface ProcessTableOptions {
  /** @default {"/proc"} */
  procRoot?: string;
  /** Processes that are kept. @default {8192} */
  capacity?: number;
  /** Windows without a question after which a process is forgotten. @default {6} */
  idleWindows?: number;
  /** Returns the time in ms. @default {performance.now} */
  clock?: () => number;
}

/** Holds what the table counted since it was made. */
export interface ProcessStats {
  readonly processes: number;
  /** Reads of a process: when it is observed, and at most one more per process and window. */
  readonly reads: number;
  /** Processes that had exited, or exited while they were read. */
  readonly gone: number;
}

interface Entry {
  process: Process | undefined;
  /** The last one that asked for it. */
  window: number;
  /** It had exited when this window asked for it. */
  gone: boolean;
  /** It was there when it was last read. */
  alive: boolean;
  /** It was last read then, in ms. */
  readAt: number;
  /** Programs that this window asked for and that are not known. */
  readonly unknown: Set<number>;
  /** Somebody sees when it changes, and says so: see {@linkcode ProcessTable.observe}. */
  observed: boolean;
}

/**
 * A process that is observed is read again after so long, in ms, for not all changes are seen: other code may be mapped
 * where some was. Walks do not go by that, as they ask the kernel what is mapped.
 */
export const RENEW_MS = 30_000;
/**
 * What a process ran before is remembered for so many windows: samples of a window are asked for at its end. So many are
 * at most; on a busy machine there are some hundreds a second.
 */
const PAST_WINDOWS = 2;
const PAST_PROGRAMS = 1024;

/** The processes that had samples of late. */
export class ProcessTable {
  readonly #procRoot: string;
  readonly #capacity: number;
  readonly #idleWindows: number;
  readonly #clock: () => number;
  readonly #entries = new Map<number, Entry>();
  readonly #programs: Programs<Process>;
  /** The pid namespace of this process; "" where it cannot be told. */
  #namespace: string | undefined;
  #window = 0;
  #reads = 0;
  #gone = 0;

  constructor(
    { procRoot = "/proc", capacity = 8192, idleWindows = 6, clock = () => performance.now() }:
      ProcessTableOptions = {},
  ) {
    this.#procRoot = procRoot;
    this.#capacity = capacity;
    this.#idleWindows = idleWindows;
    this.#clock = clock;
    this.#programs = new Programs({ capacity: PAST_PROGRAMS, idleWindows: PAST_WINDOWS });
  }

  get stats(): ProcessStats {
    return { processes: this.#entries.size, reads: this.#reads, gone: this.#gone };
  }

  /**
   * Returns the process, read anew when this window asks for the first time; one that is observed only where it may
   * have become another one, or ended.
   *
   * @param program what the process ran: where that is another one by now it is told as it was then @default {0} any
   * @returns what was known in earlier windows when the process has exited since, for its samples are from
   * before; `undefined` when nothing was
   */
  get(pid: number, program = 0): Process | undefined {
    const entry = this.#entry(pid);
    const now = entry.process;
    // Of some processes it is not told.
    if (program === 0 || now?.program === 0 || now?.program === program) return now;
    const past = this.#programs.of(pid, program);
    if (past || entry.unknown.has(program)) return past;
    // It may have become that one since it was read.
    const { process } = this.#look(pid);
    if (process?.program === program) return process;
    this.#entries.get(pid)?.unknown.add(program);
    return undefined;
  }

  /** Returns what is known of a process that has ended, of which nothing is read any more; see {@linkcode get}. */
  ended(pid: number, program = 0): Process | undefined {
    const entry = this.#entries.get(pid);
    if (entry) entry.gone = true;
    const last = entry?.process;
    if (last && (program === 0 || last.program === 0 || last.program === program)) return last;
    return program === 0 ? undefined : this.#programs.of(pid, program);
  }

  #entry(pid: number): Entry {
    const known = this.#entries.get(pid);
    if (known?.window === this.#window) return known;
    const entry = known && this.#isCurrent(known) ? this.#keep(pid, known) : this.#look(pid);
    entry.gone = !entry.alive;
    entry.unknown.clear();
    return entry;
  }

  /**
   * Reads a process that has just been seen, or seen to have changed: by an exec, or as code is run that was not mapped
   * before. It may be gone when its samples ask for it, and {@linkcode get} then returns what is read here.
   *
   * @returns `undefined` when it is gone already
   */
  observe(pid: number): Process | undefined {
    const entry = this.#look(pid);
    entry.observed = true;
    // So that this window still asks whether it is there.
    entry.window--;
    return entry.alive ? entry.process : undefined;
  }

  /** Returns the process as it was at most `maxAgeMs` ago; `undefined` when it was gone. */
  readWithin(pid: number, { maxAgeMs }: { maxAgeMs: number }): Process | undefined {
    const known = this.#entries.get(pid);
    if (known === undefined || this.#clock() - known.readAt > maxAgeMs) return this.observe(pid);
    return known.alive ? known.process : undefined;
  }

  /** Forgets who exited and who was not asked for in a while. */
  endWindow(): void {
    for (const [pid, { window, gone }] of this.#entries) {
      if (gone || this.#window - window >= this.#idleWindows) this.#entries.delete(pid);
    }
    this.#programs.endWindow();
    this.#window++;
  }

  /** Tells whether what is known of a process still holds, without reading its mappings. */
  #isCurrent({ process, observed, alive, readAt }: Entry): boolean {
    if (!process || !observed || !alive || this.#clock() - readAt >= RENEW_MS) return false;
    const stat = readStat(process.folder);
    return stat?.startTime === process.startTime && stat.comm === process.comm &&
      stat.program === process.program && !hasEnded(stat);
  }

  #look(pid: number): Entry {
    const known = this.#entries.get(pid);
    this.#reads++;
    const process = this.#read(pid, known?.process);
    if (process === undefined) this.#gone++;
    else this.#programs.add(process);
    return this.#renew(pid, {
      process: process ?? known?.process,
      window: this.#window,
      gone: false,
      alive: process !== undefined,
      readAt: this.#clock(),
      unknown: known?.unknown ?? new Set(),
      observed: known?.observed ?? false,
    });
  }

  #keep(pid: number, entry: Entry): Entry {
    if (entry.process) this.#programs.keep(entry.process);
    return this.#renew(pid, entry);
  }

  /** Makes `entry` the last one that was asked for, in the order of the map. */
  #renew(pid: number, entry: Entry): Entry {
    this.#entries.delete(pid);
    this.#makeRoom();
    entry.window = this.#window;
    this.#entries.set(pid, entry);
    return entry;
  }

  #makeRoom(): void {
    for (const pid of this.#entries.keys()) {
      if (this.#entries.size < this.#capacity) return;
      this.#entries.delete(pid);
    }
  }

  /** Returns the process's number in its innermost pid namespace: in the same one as `/proc` it is that of `/proc`. */
  #ownPid(pid: number, folder: string): number {
    this.#namespace ??= readLink(`${this.#procRoot}/self/ns/pid`) ?? "";
    if (this.#namespace !== "" && readLink(`${folder}/ns/pid`) === this.#namespace) return pid;
    return innermostPid(readSmallText(`${folder}/status`) ?? "") ?? pid;
  }

  /**
   * Returns `undefined` when the process is gone, or went while it was read.
   *
   * @param isAgain it has become another program while it was read for the first time
   */
  #read(pid: number, before: Process | undefined, isAgain = false): Process | undefined {
    try {
      let folder = `${this.#procRoot}/${pid}`;
      const stat = readStat(folder);
      if (stat === undefined) return undefined;
      if (hasEnded(stat)) {
        const thread = livingThread(folder);
        if (thread === undefined) return undefined;
        folder = thread;
      }
      const program = programOf(folder);
      const maps = readSmallFile(`${folder}/maps`);
      if (maps === undefined) return undefined;
      const mappings = executableMappings(maps);
      const same = before?.startTime === stat.startTime ? before : undefined;
      const exe = readExe(folder);
      const name = nameOf(folder, { exe, comm: stat.comm });
      // What was read of two programs is of none. One that ends has none any more.
      const after = programOf(folder);
      if (after !== program && after !== 0) return isAgain ? undefined : this.#read(pid, before, true);
      return {
        pid,
        program,
        past: false,
        ownPid: same?.ownPid ?? this.#ownPid(pid, folder),
        startTime: stat.startTime,
        comm: stat.comm,
        exe,
        name,
        mappings: reuse(same?.mappings, mappings),
        folder,
      };
    } catch {
      return undefined;
    }
  }
}

function readStat(folder: string): Stat | undefined {
  const text = readSmallText(`${folder}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

function programOf(folder: string): number {
  return readStat(folder)?.program ?? 0;
}

function hasEnded({ state }: Pick<Stat, "state">): boolean {
  return state === "Z" || state === "X";
}

/**
 * Finds a thread that still runs after the first one has ended, with which the kernel shows the process's memory no
 * more.
 */
function livingThread(folder: string): string | undefined {
  for (const { name } of Deno.readDirSync(`${folder}/task`)) {
    const thread = `${folder}/task/${name}`;
    const stat = readStat(thread);
    if (stat && !hasEnded(stat)) return thread;
  }
  return undefined;
}

/** Holds what `/proc/PID/stat` tells. */
interface Stat {
  readonly comm: string;
  readonly state: string;
  readonly startTime: number;
  readonly program: number;
}

/**
 * Returns the fields of `/proc/PID/stat` that are used: the name, the state, the start time (the 22nd), the end of code
 * (the 27th) and the stack's begin (the 28th).
 */
export function parseStat(text: string): Stat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = statFields(text);
  const startTime = Number(fields[19]);
  if (fields.length < 20 || !Number.isFinite(startTime)) return undefined;
  const program = programNumber(Number(fields[25] ?? 0), Number(fields[24] ?? 0));
  return { comm: text.slice(open + 1, close), state: fields[0]!, startTime, program };
}

/** Returns the last number of `NSpid:` in `/proc/PID/status`. */
export function innermostPid(status: string): number | undefined {
  const pid = Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]);
  return Number.isInteger(pid) ? pid : undefined;
}

/** Returns {@linkcode Process.name}. */
function nameOf(folder: string, program: Pick<Process, "exe" | "comm">): string {
  const scriptOf = (path: string) => isInterpreter(path) ? scriptName(path, readArguments(folder)) : "";
  const script = scriptOf(program.exe);
  if (script !== "") return script;
  const called = calledName(folder, program);
  // A file that is many programs may be an interpreter, too.
  return (isInterpreter(program.exe) ? "" : scriptOf(called)) || called;
}

const DELETED = " (deleted)";

function readExe(folder: string): string {
  // A kernel thread has none.
  const exe = readLink(`${folder}/exe`) ?? "";
  return exe.endsWith(DELETED) ? exe.slice(0, -DELETED.length) : exe;
}

/** Returns `next`, but with the objects of `before` where they are equal: others keep what they know by mapping. */
function reuse(before: readonly Mapping[] | undefined, next: readonly Mapping[]): readonly Mapping[] {
  if (before === undefined) return next;
  const known = new Map(before.map((mapping) => [mapping.start, mapping]));
  return next.map((mapping) => {
    const old = known.get(mapping.start);
    return old && isSameMapping(old, mapping) ? old : mapping;
  });
}
