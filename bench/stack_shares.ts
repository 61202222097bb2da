// SPDX-License-Identifier: Apache-2.0
/**
 * Measures how good stacks are: how many end where their thread began, and how many of their frames have a name.
 *
 * @module
 */

import { memorySource } from "../symbols/elf/byte_source.ts";
import { addressOf, readElf } from "../symbols/elf/elf.ts";

/** One frame of user space, by whichever tool. */
export interface SharesFrame {
  /** It is `undefined` where the tool has none but an address. */
  readonly function: string | undefined;
  readonly module: string;
  /** It is in the module, as its program headers count; `undefined` where there is no file. */
  readonly address: number | undefined;
}

/** Matches what the first function of a thread is called: of C, of Go, and of the kernel's threads. */
const ENTRIES =
  /^(_start|(__)?(GI_+)?clone3?|__start_context|_rt0_amd64_linux|runtime\.(goexit|mstart|rt0_go|clone)(\.abi0)?|_dl_start_user)$/;
/** No function `_start` is longer, in bytes. */
const START_BYTES = 64;

/** Sums stacks of one program, by one tool. */
export class StackShares {
  #samples = 0;
  #whole = 0;
  #frames = 0;
  #named = 0;
  readonly #cut = new Map<string, number>();
  readonly #unnamed = new Map<string, number>();
  readonly #starts: ProgramStarts;

  /** @param starts where programs begin; all tools are held to the same */
  constructor(starts: ProgramStarts) {
    this.#starts = starts;
  }

  get samples(): number {
    return this.#samples;
  }

  /** The share of samples whose outermost frame is where the thread began, in per cent. */
  get whole(): number {
    return 100 * this.#whole / this.#samples;
  }

  /** The share of frames that have a name, in per cent. */
  get named(): number {
    return 100 * this.#named / this.#frames;
  }

  /** Returns what most stacks that are not whole end with, and most frames without a name are of, with counts. */
  get faults(): { readonly cut: [string, number][]; readonly unnamed: [string, number][] } {
    const most = (counts: Map<string, number>) => [...counts].sort(([, a], [, b]) => b - a).slice(0, 5);
    return { cut: most(this.#cut), unnamed: most(this.#unnamed) };
  }

  /** Adds `count` samples of one stack, leaf first; one without frames of user space is left out. */
  add(frames: readonly SharesFrame[], count: number): void {
    const last = frames.at(-1);
    if (last === undefined) return;
    this.#samples += count;
    if (this.#isEntry(last)) this.#whole += count;
    else add(this.#cut, last.function ?? `in ${last.module}`, count);
    for (const frame of frames) {
      // It only says that the stack is not whole, which is counted as such.
      if (frame.function?.startsWith("[cut: ")) continue;
      this.#frames += count;
      if (frame.function !== undefined) this.#named += count;
      else add(this.#unnamed, frame.module, count);
    }
  }

  #isEntry({ function: name, module, address }: SharesFrame): boolean {
    if (name !== undefined && ENTRIES.test(name)) return true;
    const start = address === undefined ? undefined : this.#starts.of(module);
    return start !== undefined && address! >= start && address! < start + START_BYTES;
  }
}

/** Knows where programs begin, which stripped ones have no name for. */
export class ProgramStarts {
  readonly #starts = new Map<string, number | undefined>();

  /** Returns the address that the ELF header of a file gives as its entry; `undefined` where there is none. */
  of(path: string): number | undefined {
    if (!this.#starts.has(path)) this.#starts.set(path, startOf(path));
    return this.#starts.get(path);
  }
}

/** `e_entry` of Elf64_Ehdr. */
const ENTRY_AT = 24;

function startOf(path: string): number | undefined {
  try {
    using file = Deno.openSync(path);
    const header = new Uint8Array(64);
    if (file.readSync(header) !== header.length) return undefined;
    const start = Number(new DataView(header.buffer).getBigUint64(ENTRY_AT, true));
    return start === 0 ? undefined : start;
  } catch {
    return undefined; // It is memory that is called by a name, or gone.
  }
}

/** Turns offsets in files into addresses, as their program headers count. */
export class FileAddresses {
  readonly #segments = new Map<string, ReturnType<typeof readElf>["segments"]>();

  /** Returns `undefined` where the file is no ELF file that has the offset. */
  of(path: string, offset: number): number | undefined {
    let segments = this.#segments.get(path);
    if (segments === undefined) this.#segments.set(path, segments = segmentsOf(path));
    return addressOf(segments, offset);
  }
}

function segmentsOf(path: string): ReturnType<typeof readElf>["segments"] {
  try {
    return readElf(memorySource(Deno.readFileSync(path))).segments;
  } catch {
    return [];
  }
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
