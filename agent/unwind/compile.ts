/**
 * Compiles the unwind information of an ELF file to an {@linkcode UnwindTable}.
 *
 * The work is done in slices on the caller's thread, between which its timers and reads go on, rather than in a
 * Worker: the largest libraries take some tenths of a second in all, and a Worker is a second heap of tens
 * of megabytes for the whole life of the agent.
 *
 * @module
 */

import type { ByteSource } from "../symbols/elf.ts";
import { CfaMachine } from "./cfa_machine.ts";
import { FrameReader, type FrameSection } from "./eh_frame.ts";
import { FdeIndex } from "./fde_index.ts";
import { type CodeRange, contains, readFrameSections } from "./frame_sections.ts";
import { LossCounts, type UnwindLoss } from "./losses.ts";
import { RULE_NONE } from "./rules.ts";
import { TableBuilder, type UnwindTable } from "./table.ts";

export interface CompileOptions {
  /** How long a slice of work may last, in ms. @default {5} */
  readonly budget?: number;
  readonly signal?: AbortSignal;
}

export interface Compiled {
  readonly table: UnwindTable;
  /** Functions that the table covers. */
  readonly functions: number;
  /** What it could not take in. */
  readonly losses: ReadonlyMap<UnwindLoss, number>;
}

/** Entries handled before the clock is looked at: some tens of µs. */
const STEP = 64;

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
  const { sections, code } = await readFrameSections(source);
  return await inSlices(compile(sections, code), options);
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
function* compile(sections: readonly FrameSection[], code: readonly CodeRange[]): Generator<void, Compiled> {
  const losses = new LossCounts();
  const index = new FdeIndex();
  for (const section of sections) yield* collect(new FrameReader(section), code, { index, losses });
  const order = index.sorted();
  yield;
  const table = new TableBuilder();
  const machine = new CfaMachine(table, losses);
  let functions = 0;
  let end = 0;
  for (let i = 0; i < order.length; i++) {
    if (i % STEP === 0) yield;
    const row = order[i]!;
    const start = index.start(row);
    // Of entries that start at the same address the first holds.
    if (i > 0 && start === index.start(order[i - 1]!)) continue;
    if (end < start) table.set(end, RULE_NONE);
    const reader = index.reader(row);
    const fde = reader.fde(index.offset(row));
    end = Math.min(fde.end, endOfCode(code, start), nextStart(index, order, i));
    machine.run(reader, fde, end);
    functions++;
  }
  table.set(end, RULE_NONE);
  return { table: table.finish(machine.rules()), functions, losses: losses.toMap() };
}

/** Adds the functions of `reader` that cover code to `index`. */
function* collect(
  reader: FrameReader,
  code: readonly CodeRange[],
  { index, losses }: { index: FdeIndex; losses: LossCounts },
): Generator<void, void> {
  for (let next: number | undefined = 0; next !== undefined;) {
    const scan = reader.scan(next, STEP, (offset, fde) => {
      if (fde.end === fde.start) return;
      if (endOfCode(code, fde.start) < 0) losses.add("not_code");
      else index.add(reader, offset, fde.start);
    });
    losses.add("malformed", scan.malformed);
    next = scan.next;
    yield;
  }
}

/** The end of the executable segment that `address` is in, -1 when it is in none. */
function endOfCode(code: readonly CodeRange[], address: number): number {
  const segment = code.find((segment) => contains(segment, address));
  return segment ? segment.address + segment.size : -1;
}

/** Where the function after that of `order[i]` starts. */
function nextStart(index: FdeIndex, order: Uint32Array, i: number): number {
  const start = index.start(order[i]!);
  for (let next = i + 1; next < order.length; next++) {
    const after = index.start(order[next]!);
    if (after !== start) return after;
  }
  return Infinity;
}
