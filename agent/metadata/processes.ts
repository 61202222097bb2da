// SPDX-License-Identifier: Apache-2.0
/**
 * Holds what the agent knows of each process: its program, its name, and what code is mapped where.
 *
 * A process is read once a window, when it is first asked for in that window, so that an exec or a dlopen
 * since the last window is seen, and a process without samples costs nothing.
 *
 * @module
 */

import { readLink, readSmallFile, readSmallText } from "../libbpf/mod.ts";
import { isInterpreter, readArguments, scriptName } from "./script_name.ts";
import { executableMappings, isSameMapping, type Mapping } from "./maps.ts";

/** A process as it was when it was read in this window. */
export interface Process {
  readonly pid: number;
  /** The pid as the process itself sees it, in the innermost pid namespace. */
  readonly ownPid: number;
  /** Clock ticks since boot; with the pid it names a process for ever. */
  readonly startTime: number;
  readonly comm: string;
  /** The path of the program in its own mount namespace; "" for a kernel thread. */
  readonly exe: string;
  /** The script that it runs, where the program is an interpreter; else "". */
  readonly script: string;
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
  /** Somebody sees when it changes, and says so: see {@linkcode ProcessTable.observe}. */
  observed: boolean;
}

/**
 * A process that is observed is read again after so long, in ms, for not all changes are seen: other code may be mapped
 * where some was.
 */
export const RENEW_MS = 10_000;

/** The processes that had samples of late. */
export class ProcessTable {
  readonly #procRoot: string;
  readonly #capacity: number;
  readonly #idleWindows: number;
  readonly #clock: () => number;
  readonly #entries = new Map<number, Entry>();
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
  }

  get stats(): ProcessStats {
    return { processes: this.#entries.size, reads: this.#reads, gone: this.#gone };
  }

  /**
   * Returns the process, read anew when this window asks for the first time; one that is observed only where it may
   * have become another one, or ended.
   *
   * @returns what was known in earlier windows when the process has exited since, for its samples are from
   * before; `undefined` when nothing was
   */
  get(pid: number): Process | undefined {
    const known = this.#entries.get(pid);
    if (known?.window === this.#window) return known.process;
    const entry = known && this.#isCurrent(known) ? this.#renew(pid, known) : this.#look(pid);
    entry.gone = !entry.alive;
    return entry.process;
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
    this.#window++;
  }

  /** Tells whether what is known of a process still holds, without reading its mappings. */
  #isCurrent({ process, observed, alive, readAt }: Entry): boolean {
    if (!process || !observed || !alive || this.#clock() - readAt >= RENEW_MS) return false;
    const stat = readStat(process.folder);
    return stat?.startTime === process.startTime && stat.comm === process.comm && !hasEnded(stat);
  }

  #look(pid: number): Entry {
    const known = this.#entries.get(pid);
    this.#reads++;
    const process = this.#read(pid, known?.process);
    if (process === undefined) this.#gone++;
    return this.#renew(pid, {
      process: process ?? known?.process,
      window: this.#window,
      gone: false,
      alive: process !== undefined,
      readAt: this.#clock(),
      observed: known?.observed ?? false,
    });
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

  /** Returns `undefined` when the process is gone, or went while it was read. */
  #read(pid: number, before: Process | undefined): Process | undefined {
    try {
      let folder = `${this.#procRoot}/${pid}`;
      const stat = readStat(folder);
      if (stat === undefined) return undefined;
      if (hasEnded(stat)) {
        const thread = livingThread(folder);
        if (thread === undefined) return undefined;
        folder = thread;
      }
      const maps = readSmallFile(`${folder}/maps`);
      if (maps === undefined) return undefined;
      const mappings = executableMappings(maps);
      const same = before?.startTime === stat.startTime ? before : undefined;
      const exe = readExe(folder);
      return {
        pid,
        ownPid: same?.ownPid ?? this.#ownPid(pid, folder),
        startTime: stat.startTime,
        comm: stat.comm,
        exe,
        script: isInterpreter(exe) ? scriptName(exe, readArguments(folder)) : "",
        mappings: reuse(same?.mappings, mappings),
        folder,
      };
    } catch {
      return undefined;
    }
  }
}

function readStat(folder: string) {
  const text = readSmallText(`${folder}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

function hasEnded({ state }: { state: string }): boolean {
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

/**
 * Returns the fields of `/proc/PID/stat` that are used: the name stands in parentheses and may itself hold spaces
 * and parentheses, the state is the 3rd field and the start time the 22nd.
 */
export function parseStat(text: string): { comm: string; state: string; startTime: number } | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(" ");
  const startTime = Number(fields[19]);
  if (fields.length < 20 || !Number.isFinite(startTime)) return undefined;
  return { comm: text.slice(open + 1, close), state: fields[0]!, startTime };
}

/** Returns the last number of `NSpid:` in `/proc/PID/status`. */
export function innermostPid(status: string): number | undefined {
  const pid = Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]);
  return Number.isInteger(pid) ? pid : undefined;
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
