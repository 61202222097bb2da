/**
 * What the agent knows of each process: its program, its name, and what code is mapped where.
 *
 * A process is read once a window, when it is first asked for in that window, so that an exec or a dlopen
 * since the last window is seen, and a process without samples costs nothing.
 *
 * @module
 */

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
  /** Executable ones, ascending. */
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
}

/** What the table counted since it was made. */
export interface ProcessStats {
  readonly processes: number;
  /** Reads of a process: when it is met, and at most one more per process and window. */
  readonly reads: number;
  /** Processes that had exited, or exited while they were read. */
  readonly gone: number;
}

interface Entry {
  process: Process | undefined;
  window: number;
  /** It had exited when this window asked for it. */
  gone: boolean;
}

const decoder = new TextDecoder();

/** The processes that had samples of late. */
export class ProcessTable {
  readonly #procRoot: string;
  readonly #capacity: number;
  readonly #idleWindows: number;
  readonly #entries = new Map<number, Entry>();
  #window = 0;
  #reads = 0;
  #gone = 0;

  constructor({ procRoot = "/proc", capacity = 8192, idleWindows = 6 }: ProcessTableOptions = {}) {
    this.#procRoot = procRoot;
    this.#capacity = capacity;
    this.#idleWindows = idleWindows;
  }

  get stats(): ProcessStats {
    return { processes: this.#entries.size, reads: this.#reads, gone: this.#gone };
  }

  /**
   * The process, read anew when this window asks for the first time.
   *
   * @returns what was known in earlier windows when the process has exited since, for its samples are from
   * before; `undefined` when nothing was
   */
  get(pid: number): Process | undefined {
    const known = this.#entries.get(pid);
    if (known?.window === this.#window) return known.process;
    this.#reads++;
    const process = this.#read(pid, known?.process);
    if (process === undefined) this.#gone++;
    // Deleted and set again, so that the map's order is that of the last question.
    this.#entries.delete(pid);
    this.#makeRoom();
    const entry = { process: process ?? known?.process, window: this.#window, gone: process === undefined };
    this.#entries.set(pid, entry);
    return entry.process;
  }

  /**
   * Reads a process that has just been seen, or seen to have become another by an exec: it may be gone when
   * its samples ask for it. While it is not, {@linkcode get} still reads it anew.
   */
  meet(pid: number): Process | undefined {
    const known = this.#entries.get(pid);
    if (known) known.window = this.#window - 1;
    const process = this.get(pid);
    const entry = this.#entries.get(pid)!;
    entry.window = this.#window - 1;
    entry.gone = false;
    return process;
  }

  /** Forgets who exited and who was not asked for in a while. */
  endWindow(): void {
    for (const [pid, { window, gone }] of this.#entries) {
      if (gone || this.#window - window >= this.#idleWindows) this.#entries.delete(pid);
    }
    this.#window++;
  }

  #makeRoom(): void {
    for (const pid of this.#entries.keys()) {
      if (this.#entries.size < this.#capacity) return;
      this.#entries.delete(pid);
    }
  }

  /** `undefined` when the process is gone, or went while it was read. */
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
      const maps = Deno.readFileSync(`${folder}/maps`);
      const same = before?.startTime === stat.startTime ? before : undefined;
      return {
        pid,
        ownPid: same?.ownPid ?? innermostPid(Deno.readTextFileSync(`${folder}/status`)) ?? pid,
        startTime: stat.startTime,
        comm: stat.comm,
        exe: readExe(folder),
        mappings: reuse(same?.mappings, executableMappings(maps)),
        folder,
      };
    } catch {
      return undefined;
    }
  }
}

function readStat(folder: string) {
  return parseStat(decoder.decode(Deno.readFileSync(`${folder}/stat`)));
}

function hasEnded({ state }: { state: string }): boolean {
  return state === "Z" || state === "X";
}

/** A thread that still runs after the first one has ended, with which the kernel shows the process's memory no more. */
function livingThread(folder: string): string | undefined {
  for (const { name } of Deno.readDirSync(`${folder}/task`)) {
    try {
      const thread = `${folder}/task/${name}`;
      const stat = readStat(thread);
      if (stat && !hasEnded(stat)) return thread;
    } catch {
      // It ended meanwhile.
    }
  }
  return undefined;
}

/**
 * The fields of `/proc/PID/stat` that are used: the name stands in parentheses and may itself hold spaces
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

/** The last number of `NSpid:` in `/proc/PID/status`. */
export function innermostPid(status: string): number | undefined {
  const pid = Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]);
  return Number.isInteger(pid) ? pid : undefined;
}

function readExe(folder: string): string {
  try {
    return Deno.readLinkSync(`${folder}/exe`).replace(/ \(deleted\)$/, "");
  } catch {
    return ""; // A kernel thread has none.
  }
}

/** `next`, but with the objects of `before` where they are equal: others keep what they know by mapping. */
function reuse(before: readonly Mapping[] | undefined, next: readonly Mapping[]): readonly Mapping[] {
  if (before === undefined) return next;
  const known = new Map(before.map((mapping) => [mapping.start, mapping]));
  return next.map((mapping) => {
    const old = known.get(mapping.start);
    return old && isSameMapping(old, mapping) ? old : mapping;
  });
}
