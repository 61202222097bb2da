/**
 * Compiles the unwind information of an ELF file to an {@linkcode UnwindTable}.
 *
 * The work is done in slices on the caller's thread, between which its timers and reads go on, rather than in a
 * Worker: the largest libraries take some tenths of a second in all, and a Worker is a second heap of tens
 * of megabytes for the whole life of the agent.
 *
 * @module
 */

import { CfaMachine } from "./cfa_machine.ts";
import { FrameReader, type FrameSection, readEhFrameHeader } from "./eh_frame.ts";
import { FdeIndex } from "./fde_index.ts";
import {
  type Elf,
  ElfError,
  type ElfSource,
  EM_X86_64,
  PF_X,
  PT_GNU_EH_FRAME,
  PT_LOAD,
  readElf,
  readExactly,
  readSection,
  type Segment,
} from "./elf.ts";
import { LossCounts, type UnwindLoss } from "./losses.ts";
import { MalformedError } from "./reader.ts";
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
export async function compileUnwindTable(source: ElfSource, options: CompileOptions = {}): Promise<Compiled> {
  const elf = await readElf(source);
  if (elf.machine !== EM_X86_64) {
    throw new ElfError(`Cannot unwind programs of another machine than x86-64: e_machine ${elf.machine}`);
  }
  const sections = await frameSections(elf);
  return await inSlices(compile(sections, codeSegments(elf)), options);
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

/** The executable segments; together they bound the pages of a table, so they may not exceed the file. */
function codeSegments({ segments, source }: Elf): Segment[] {
  const code = segments.filter(({ type, flags }) => type === PT_LOAD && (flags & PF_X) !== 0);
  const bytes = code.reduce((sum, { size }) => sum + size, 0);
  if (bytes > source.size) {
    throw new ElfError(
      `Cannot use program headers that overlap: ${bytes} bytes of code, file of ${source.size} bytes`,
    );
  }
  return code;
}

async function frameSections(elf: Elf): Promise<FrameSection[]> {
  const sections: FrameSection[] = [];
  const eh = await readSection(elf, ".eh_frame");
  if (eh) sections.push({ ...eh, eh: true });
  else if (!elf.sections.some(({ name }) => name === ".eh_frame")) {
    const found = await ehFrameByHeader(elf);
    if (found) sections.push(found);
  }
  const debug = await readSection(elf, ".debug_frame");
  if (debug) sections.push({ ...debug, eh: false });
  return sections;
}

/** `.eh_frame` of a file whose section headers were stripped, from what its exception handling itself goes by. */
async function ehFrameByHeader({ source, segments }: Elf): Promise<FrameSection | undefined> {
  const header = segments.find(({ type }) => type === PT_GNU_EH_FRAME);
  if (!header) return undefined;
  const bytes = await readExactly(source, header.offset, Math.min(header.size, 64));
  try {
    const { frames, count } = readEhFrameHeader(bytes, header.address);
    const segment = segments.find((s) => s.type === PT_LOAD && contains(s, frames));
    if (!segment) throw new MalformedError(`Cannot find .eh_frame in any segment: address ${frames}`);
    const skip = frames - segment.address;
    const rest = await readExactly(source, segment.offset + skip, segment.size - skip);
    return { bytes: rest, address: frames, eh: true, limit: count ?? "terminated" };
  } catch (error) {
    if (error instanceof MalformedError) throw new ElfError("Cannot read .eh_frame_hdr", { cause: error });
    throw error;
  }
}

function contains({ address, size }: Segment, at: number): boolean {
  return at >= address && at < address + size;
}

/** Yields between steps of bounded work. */
function* compile(sections: readonly FrameSection[], code: readonly Segment[]): Generator<void, Compiled> {
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
  code: readonly Segment[],
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
function endOfCode(code: readonly Segment[], address: number): number {
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
