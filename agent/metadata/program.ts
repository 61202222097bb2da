// SPDX-License-Identifier: Apache-2.0
/**
 * Tells the programs apart that a process runs one after the other.
 *
 * Its number says nothing of that, and its name may stay the same. Where its stack began and where its code ends execve
 * chooses anew, at random; the kernel side counts by both (`bpf/program.h`), and `/proc/PID/stat` tells them.
 *
 * @module
 */

const FACTOR = 0x9e3779b1;
const TWO_32 = 2 ** 32;

/**
 * Returns the number of a program; 0 where it is not known.
 *
 * @param startStack the address where its stack began
 * @param endCode the address behind its code
 */
export function programNumber(startStack: number, endCode: number): number {
  if (startStack === 0 || endCode === 0) return 0;
  return (Math.imul(Math.floor(startStack / 16) % TWO_32, FACTOR) ^ endCode % TWO_32) >>> 0 || 1;
}

/** A process while it runs one program. */
export interface Ran {
  readonly pid: number;
  /** See {@linkcode programNumber}. */
  readonly program: number;
  /** It runs another one by now, or another process ran it: what `/proc` has of its number is not about it. */
  readonly past: boolean;
}

interface Known<R extends Ran> {
  readonly ran: R;
  /** Holds it as it is told of each process. */
  readonly past: Map<number, R>;
  /** It was last read or asked for then. */
  window: number;
}

/** Remembers the programs that were read, for samples that were taken before an exec. */
export class Programs<R extends Ran> {
  readonly #known = new Map<number, Known<R>>();
  readonly #capacity: number;
  readonly #idleWindows: number;
  #window = 0;

  /** @param options.idleWindows windows after which one that was not asked for is forgotten */
  constructor({ capacity, idleWindows }: { capacity: number; idleWindows: number }) {
    this.#capacity = capacity;
    this.#idleWindows = idleWindows;
  }

  /** Keeps what was read of a process that still is what it was then. */
  keep({ program }: Ran): void {
    const known = this.#known.get(program);
    if (known) known.window = this.#window;
  }

  /** Takes in what was read of a process. */
  add(ran: R): void {
    const { program } = ran;
    if (program === 0) return;
    // So that the last in the order of the map is the last that was read.
    this.#known.delete(program);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < this.#capacity) break;
      this.#known.delete(oldest);
    }
    this.#known.set(program, { ran, past: new Map(), window: this.#window });
  }

  /**
   * Returns what process `pid` was while it ran `program`, which it does no more: what was read of it then, or of another
   * process with that program, for between a fork and an exec a process is what its parent is.
   *
   * @returns `undefined` when that was not read
   */
  of(pid: number, program: number): R | undefined {
    const known = this.#known.get(program);
    if (known === undefined) return undefined;
    known.window = this.#window;
    return known.past.getOrInsertComputed(pid, () => ({ ...known.ran, pid, past: true }));
  }

  endWindow(): void {
    for (const [program, { past, window }] of this.#known) {
      past.clear();
      if (this.#window - window >= this.#idleWindows) this.#known.delete(program);
    }
    this.#window++;
  }
}
