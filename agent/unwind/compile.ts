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
import { type Fde, FrameReader, type FrameSection, readEhFrameHeader } from "./eh_frame.ts";
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
import { SearchTable } from "./search_table.ts";
import { PAGE_BYTES, TableBuilder, type UnwindTable } from "./table.ts";

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

/** Functions before a page of which the nearest is looked for, at first; all but the last few cover no code. */
const LEAD = 8;
const EH_FRAME = ".eh_frame";
const DEBUG_FRAME = ".debug_frame";

/**
 * Compiles `.eh_frame`, and `.debug_frame` for the functions that have nothing else (Go).
 *
 * A file without unwind information gives an empty table. Where entries overlap, the one that starts last holds,
 * as in the binary search of `.eh_frame_hdr`.
 *
 * @throws {ElfError} when it is no ELF file for this machine, or it ends too early
 */
export async function compileUnwindTable(source: ElfSource, options: CompileOptions = {}): Promise<Compiled> {
  const info = await UnwindInfo.open(source);
  return await info.compile(options);
}

/** A file's unwind information, to be compiled as a whole or by pages. */
export class UnwindInfo {
  readonly #elf: Elf;
  readonly #code: readonly Segment[];
  readonly #search: SearchTable | undefined;

  private constructor(elf: Elf, code: readonly Segment[], search: SearchTable | undefined) {
    this.#elf = elf;
    this.#code = code;
    this.#search = search;
  }

  /** @throws {ElfError} when it is no ELF file for this machine, or it ends too early */
  static async open(source: ElfSource): Promise<UnwindInfo> {
    const elf = await readElf(source);
    if (elf.machine !== EM_X86_64) {
      throw new ElfError(`Cannot unwind programs of another machine than x86-64: e_machine ${elf.machine}`);
    }
    // What only .debug_frame has is in no search table.
    const search = elf.sections.some(({ name, size }) => name === DEBUG_FRAME && size > 0)
      ? undefined
      : await SearchTable.open(elf);
    return new UnwindInfo(elf, codeSegments(elf), search);
  }

  /** How many functions can be compiled by their pages; `undefined` where only {@linkcode compile} is possible. */
  get searchable(): number | undefined {
    return this.#search?.count;
  }

  /** The table of the whole file. */
  async compile(options: CompileOptions = {}): Promise<Compiled> {
    const sections = await frameSections(this.#elf);
    return await inSlices(compileSections(sections, this.#code), options);
  }

  /**
   * The pages from `first` to `last` of the table that {@linkcode compile} gives; only for a file that is
   * {@linkcode searchable}.
   */
  async compilePages(first: number, last: number, options: CompileOptions = {}): Promise<Compiled> {
    const losses = new LossCounts();
    const bounds = { first, last };
    const index = await this.#functionsOf(bounds, losses);
    return await inSlices(compile(index, this.#code, { losses, bounds }), options);
  }

  /** The functions that start in the pages, and that which reaches over the start of the first, if one does. */
  async #functionsOf({ first, last }: PageBounds, losses: LossCounts): Promise<FdeIndex> {
    const search = this.#search!;
    const [from, to] = [first * PAGE_BYTES, (last + 1) * PAGE_BYTES];
    for (let lead = LEAD;; lead *= 8) {
      const index = new FdeIndex();
      const before = new LossCounts();
      const found = await search.find(from, to, lead);
      let missing = found.entries.length;
      for await (const { reader, offsets } of search.read(found)) {
        missing -= offsets.length;
        for (const offset of offsets) {
          addFunction(index, { reader, offset, code: this.#code, losses: before });
        }
      }
      if (index.lowest <= from || found.first) {
        before.add("malformed", missing);
        losses.addAll(before);
        return index;
      }
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
  const eh = await readSection(elf, EH_FRAME);
  if (eh) sections.push({ ...eh, eh: true });
  else if (!elf.sections.some(({ name }) => name === EH_FRAME)) {
    const found = await ehFrameByHeader(elf);
    if (found) sections.push(found);
  }
  const debug = await readSection(elf, DEBUG_FRAME);
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
function* compileSections(
  sections: readonly FrameSection[],
  code: readonly Segment[],
): Generator<void, Compiled> {
  const losses = new LossCounts();
  const index = new FdeIndex();
  for (const section of sections) yield* collect(new FrameReader(section), code, { index, losses });
  return yield* compile(index, code, { losses });
}

/** Yields between steps of bounded work. */
function* compile(
  index: FdeIndex,
  code: readonly Segment[],
  { losses, bounds }: { losses: LossCounts; bounds?: PageBounds },
): Generator<void, Compiled> {
  const order = index.sorted();
  yield;
  const table = new TableBuilder({ fromPage: bounds?.first ?? 0 });
  const limit = bounds ? (bounds.last + 1) * PAGE_BYTES : Infinity;
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
    end = Math.min(fde.end, endOfCode(code, start), nextStart(index, order, i), limit);
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
      if (coversCode(fde, { code, losses })) index.add(reader, offset, fde.start);
    });
    losses.add("malformed", scan.malformed);
    next = scan.next;
    yield;
  }
}

/** As {@linkcode collect}, of one entry. */
function addFunction(
  index: FdeIndex,
  { reader, offset, code, losses }: {
    reader: FrameReader;
    offset: number;
    code: readonly Segment[];
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
  { code, losses }: { code: readonly Segment[]; losses: LossCounts },
): boolean {
  if (end === start) return false;
  if (endOfCode(code, start) >= 0) return true;
  losses.add("not_code");
  return false;
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
