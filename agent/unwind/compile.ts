// SPDX-License-Identifier: Apache-2.0
/**
 * Compiles the unwind information of an ELF file to an {@linkcode UnwindTable}.
 *
 * The work is done in slices on the caller's thread, between which its timers and reads go on, rather than in a
 * Worker: the largest libraries take some tenths of a second in all, and a Worker is a second heap of tens
 * of megabytes for the whole life of the agent.
 *
 * @module
 */

import type { ByteSource } from "../../symbols/elf/byte_source.ts";
import { LEAST_BARE_BYTES } from "./bare_code.ts";
import { CfaMachine } from "./cfa_machine.ts";
import { type CodeRange, contains } from "./code_range.ts";
import type { DebugFrames } from "./debug_frames.ts";
import { type Fde, FrameReader, type FrameSection } from "./eh_frame.ts";
import { FdeIndex } from "./fde_index.ts";
import { type FrameFile, openFrameFile } from "./frame_sections.ts";
import { LossCounts, type UnwindLoss } from "./losses.ts";
import { MalformedError } from "./reader.ts";
import { RULE_NONE, RuleSet } from "./rules.ts";
import { PAGE_BYTES, TableBuilder, type UnwindTable } from "./table.ts";

export interface CompileOptions {
  /** A slice of work may last so long, in ms. @default {5} */
  readonly budget?: number;
  readonly signal?: AbortSignal;
}

export interface Compiled {
  readonly table: UnwindTable;
  /** Functions that the table covers. */
  readonly functions: number;
  /** Counts what it could not take in. */
  readonly losses: ReadonlyMap<UnwindLoss, number>;
}

/** Entries handled before the clock is looked at: some tens of µs. */
const STEP = 64;

/** Functions before a page of which the nearest is looked for, at first; all but the last few cover no code. */
const LEAD = 8;

/**
 * Compiles `.eh_frame`, and `.debug_frame` for the functions that have nothing else (Go).
 *
 * A file without unwind information gives an empty table. Where entries overlap, the one that starts last holds,
 * as in the binary search of `.eh_frame_hdr`.
 *
 * @throws {ElfError} when it is no ELF file for this machine, or it ends too early
 */
export async function compileUnwindTable(
  source: ByteSource,
  options: CompileOptions = {},
): Promise<Compiled> {
  return await new UnwindInfo(source).compile(options);
}

/** Reads the functions of a program's separate debug file; `undefined` where there is none. */
export type DebugFramesOf = (program: Pick<FrameFile, "elf" | "code">) => Promise<DebugFrames | undefined>;

/** A file, and what its separate debug file has. */
type Parts = Pick<FrameFile, "code" | "go" | "bare" | "search"> & { readonly debug: DebugFrames | undefined };

/** A file's unwind information, to be compiled as a whole or by pages. */
export class UnwindInfo {
  readonly #file: FrameFile;
  readonly #debugFrames: DebugFramesOf | undefined;
  #debug: Promise<DebugFrames | undefined> | undefined;

  /**
   * @param debugFrames reads those of a separate debug file, for code that the file itself tells nothing of; it is called
   * once @default {there is none}
   * @throws {ElfError} when it is no ELF file for this machine, or it ends too early
   */
  constructor(source: ByteSource, debugFrames?: DebugFramesOf) {
    this.#file = openFrameFile(source);
    this.#debugFrames = debugFrames;
  }

  /** Returns the code that a table of the whole file covers. */
  get code(): readonly CodeRange[] {
    return this.#file.code;
  }

  /**
   * Returns the number of functions that can be compiled by their pages; `undefined` where only {@linkcode compile} is
   * possible.
   */
  get searchable(): number | undefined {
    const { search, go, hasFrames } = this.#file;
    if (hasFrames && !search) return undefined;
    return search || go ? (search?.count ?? 0) + (go?.size ?? 0) : undefined;
  }

  /** Returns the table of the whole file. */
  async compile(options: CompileOptions = {}): Promise<Compiled> {
    this.#file.bare.renew();
    const [sections, debug] = [await this.#file.sections(), await this.#readDebug()];
    return await inSlices(compileSections(sections, { ...this.#file, debug }), options);
  }

  /**
   * Returns the pages from `first` to `last` of the table that {@linkcode compile} gives; only for a file that is
   * {@linkcode searchable}.
   */
  async compilePages(first: number, last: number, options: CompileOptions = {}): Promise<Compiled> {
    this.#file.bare.renew();
    return await inSlices(this.#compilePages({ first, last }, await this.#readDebug()), options);
  }

  #readDebug(): Promise<DebugFrames | undefined> | undefined {
    if (this.#file.hasDebug) return undefined;
    return this.#debug ??= this.#debugFrames?.(this.#file);
  }

  *#compilePages(bounds: PageBounds, debug: DebugFrames | undefined): Generator<void, Compiled> {
    const losses = new LossCounts();
    const index = yield* this.#functionsOf(bounds, losses);
    return yield* compile(index, { ...this.#file, debug }, { losses, bounds });
  }

  /** Returns the functions that start in the pages, and that which reaches over the start of the first, if one does. */
  *#functionsOf({ first, last }: PageBounds, losses: LossCounts): Generator<void, FdeIndex> {
    const { code, search } = this.#file;
    if (!search) return new FdeIndex();
    const [from, to] = [first * PAGE_BYTES, (last + 1) * PAGE_BYTES];
    for (let lead = LEAD;; lead *= 8) {
      const index = new FdeIndex();
      const seen = new LossCounts();
      const found = search.find(from, to, lead);
      let missing = found.entries.length;
      for (const { reader, offsets } of search.read(found)) {
        missing -= offsets.length;
        for (const [i, offset] of offsets.entries()) {
          if (i % STEP === 0) yield;
          addFunction(index, { reader, offset, code, losses: seen });
        }
      }
      if (index.lowest > from && !found.first) continue;
      losses.addAll(seen);
      losses.add("malformed", missing);
      return index;
    }
  }
}

/** The first page and the last one. */
interface PageBounds {
  readonly first: number;
  readonly last: number;
}

/** Runs `work` to its end, with a turn of the event loop whenever the budget is used up. */
async function inSlices<T>(work: Generator<void, T>, { budget = 5, signal }: CompileOptions): Promise<T> {
  while (true) {
    signal?.throwIfAborted();
    const until = performance.now() + budget;
    do {
      const { done, value } = work.next();
      if (done) return value;
    } while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Yields between steps of bounded work. */
function* compileSections(sections: readonly FrameSection[], file: Parts): Generator<void, Compiled> {
  const losses = new LossCounts();
  const index = new FdeIndex();
  for (const section of sections) yield* collect(new FrameReader(section), file.code, { index, losses });
  return yield* compile(index, file, { losses });
}

/** Yields between steps of bounded work. */
function* compile(
  index: FdeIndex,
  { code, go, bare, search, debug }: Parts,
  { losses, bounds }: { losses: LossCounts; bounds?: PageBounds },
): Generator<void, Compiled> {
  const order = index.sorted();
  yield;
  const table = new TableBuilder({ fromPage: bounds?.first ?? 0 });
  const rules = new RuleSet();
  const [from, limit] = bounds ? [bounds.first * PAGE_BYTES, (bounds.last + 1) * PAGE_BYTES] : [0, Infinity];
  const machine = new CfaMachine(table, rules, losses);
  // Go's code is in one piece, and has rows by its own table, whatever else there is of it.
  const goStart = go?.code.address ?? Infinity;
  const goEnd = go ? Math.min(goStart + go.code.size, endOfCode(code, goStart)) : Infinity;
  let functions = 0;
  let end = 0;
  let goLeft = go;
  function* setBare(to: number) {
    losses.add("not_followed", yield* bare.set(table, { rules, from: end, to, wanted: from, limit }));
  }
  /** Sets the rows up to `to` of code that the file itself tells nothing of. */
  function* setRest(to: number) {
    for (const { reader, fde, next } of debug?.within(end, Math.min(to, limit)) ?? []) {
      if (++functions % STEP === 0) yield;
      if (end < fde.start) yield* setBare(fde.start);
      end = Math.min(fde.end, endOfCode(code, fde.start), next, to, limit);
      if (end > from) machine.run(reader, fde, end);
    }
    if (end < to) yield* setBare(to);
  }
  function* setGo() {
    goLeft = undefined;
    if (goStart >= limit || goEnd <= from) return;
    if (end < goStart) yield* setRest(goStart);
    end = Math.min(goEnd, limit);
    functions += yield* go!.set(table, { rules, from: Math.max(goStart, from), to: end });
  }
  for (let i = 0; i < order.length; i++) {
    if (i % STEP === 0) yield;
    const row = order[i]!;
    const start = index.start(row);
    // Of entries that start at the same address the first holds.
    if (i > 0 && start === index.start(order[i - 1]!)) continue;
    if (start >= goStart && goLeft) yield* setGo();
    if (start >= goStart && start < goEnd) continue;
    // Nearly every function has some bytes of filling behind it: to call for each what may yield takes a tenth of all.
    if (debug || start - end >= LEAST_BARE_BYTES) {
      if (end < start) yield* setRest(start);
    } else if (end < Math.min(start, limit)) {
      table.set(end, RULE_NONE);
    }
    const reader = index.reader(row);
    const fde = reader.fde(index.offset(row));
    const next = start < goStart ? goStart : Infinity;
    end = Math.min(fde.end, endOfCode(code, start), nextStart(index, order, i), next, limit);
    machine.run(reader, fde, end);
    functions++;
  }
  if (goLeft) yield* setGo();
  if (end < limit) yield* setRest(bounds ? search?.startAfter(limit - 1) ?? Infinity : Infinity);
  // It holds up to the last page that is wanted.
  if (bounds) table.set(limit, RULE_NONE);
  return { table: table.finish(rules.toArray()), functions, losses: losses.toMap() };
}

/** Adds the functions of `reader` that cover code to `index`. */
function* collect(
  reader: FrameReader,
  code: readonly CodeRange[],
  { index, losses }: { index: FdeIndex; losses: LossCounts },
): Generator<void, void> {
  for (let next: number | undefined = 0; next !== undefined;) {
    const scan = reader.scan(next, STEP, (offset, fde) => {
      if (coversCode(fde, { code, losses })) index.add(reader, offset, fde.start);
    });
    losses.add("malformed", scan.malformed);
    next = scan.next;
    yield;
  }
}

/** Does what {@linkcode collect} does, for one entry. */
function addFunction(
  index: FdeIndex,
  { reader, offset, code, losses }: {
    reader: FrameReader;
    offset: number;
    code: readonly CodeRange[];
    losses: LossCounts;
  },
): void {
  try {
    const fde = reader.fde(offset);
    if (coversCode(fde, { code, losses })) index.add(reader, offset, fde.start);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    losses.add("malformed");
  }
}

function coversCode(
  { start, end }: Fde,
  { code, losses }: { code: readonly CodeRange[]; losses: LossCounts },
): boolean {
  if (end === start) return false;
  if (endOfCode(code, start) >= 0) return true;
  losses.add("not_code");
  return false;
}

/** Returns the end of the executable segment that `address` is in, -1 when it is in none. */
function endOfCode(code: readonly CodeRange[], address: number): number {
  const segment = code.find((segment) => contains(segment, address));
  return segment ? segment.address + segment.size : -1;
}

/** Returns where the function after that of `order[i]` starts. */
function nextStart(index: FdeIndex, order: Uint32Array, i: number): number {
  const start = index.start(order[i]!);
  for (let next = i + 1; next < order.length; next++) {
    const after = index.start(order[next]!);
    if (after !== start) return after;
  }
  return Infinity;
}
