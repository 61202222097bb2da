// SPDX-License-Identifier: Apache-2.0
/**
 * Functions, files and lines of addresses, from DWARF, by libdw.
 *
 * libdw's own way from an address to its functions walks a whole compilation unit for each address. Here the
 * units and their functions are put into tables of ranges once, so that only the inside of one function is walked.
 *
 * @module
 */

import { RangeTable } from "../ranges.ts";
import { type Die, DwarfFile, MAX_DEPTH, type SourceLine, type Unit } from "./dwarf_file.ts";

export { Dwarf } from "./dwarf_file.ts";

/** Libdw keeps about this for one row of a line table. */
const LINE_BYTES = 40;

/** One function at an address, as the debug information has it. */
export interface SourceFrame extends SourceLine {
  /** It is mangled where it is known so; "" when the information has no name. */
  readonly function: string;
  /** The function begins at this line; it is 0 when not known. */
  readonly startLine: number;
}

interface IndexedUnit extends Unit {
  /** The offsets of its functions, by the index in `offsets`. */
  readonly ranges: RangeTable;
  readonly offsets: readonly number[];
}

/** The debug information of one file, in memory. */
export class DebugInfo implements Disposable {
  readonly #file: DwarfFile;
  readonly #units: RangeTable;
  readonly #unitOffsets: number[] = [];
  readonly #unitOf = new Map<number, IndexedUnit>();
  #bytes: number;

  /** See {@linkcode DwarfFile}. @throws {LibdwError} when libdw cannot read it */
  constructor(...[dwarf, image, options]: ConstructorParameters<typeof DwarfFile>) {
    this.#file = new DwarfFile(dwarf, image, options);
    this.#units = this.#indexUnits();
    this.#bytes = this.#units.bytes;
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
    this.#unitOf.clear();
  }

  /** Returns about how many bytes were built from the images, which are not counted themselves. */
  get bytes(): number {
    return this.#bytes + this.#file.bytes;
  }

  get imageBytes(): number {
    return this.#file.imageBytes;
  }

  /**
   * Returns the functions at `address` as the file counts, the innermost inlined one first, the one that is really
   * there last. The file and line of each are where it was: of the first the line of the instruction, of the
   * others that of the call that was inlined.
   *
   * @returns none where the information says nothing about the address
   */
  frames(address: number): SourceFrame[] {
    const at = this.#units.find(address);
    if (at < 0) return [];
    const unit = this.#unit(this.#unitOffsets[at]!);
    const scopes = this.#scopes(unit, address).reverse().map((die) => scopeOf(this.#file, unit, die));
    return framesOf(scopes, this.#file.lineAt(unit, address));
  }

  /** Finds where the code of each unit lies. `.debug_aranges` would say so too, but not every compiler writes it. */
  #indexUnits(): RangeTable {
    const ranges = { start: [] as number[], end: [] as number[] };
    for (const offset of this.#file.units()) {
      this.#file.eachRange(this.#file.dieAt(offset)!, (start, end) => {
        ranges.start.push(start);
        ranges.end.push(end);
        this.#unitOffsets.push(offset);
      });
    }
    return RangeTable.build({ ...ranges, rank: new Uint8Array(ranges.start.length) });
  }

  #unit(offset: number): IndexedUnit {
    let unit = this.#unitOf.get(offset);
    if (unit === undefined) {
      this.#unitOf.set(offset, unit = this.#readUnit(offset));
      this.#bytes += unit.ranges.bytes + unit.offsets.length * 8 + 256;
    }
    return unit;
  }

  #readUnit(offset: number): IndexedUnit {
    const unit = this.#file.unit(offset);
    const ranges = { start: [] as number[], end: [] as number[] };
    const offsets: number[] = [];
    this.#file.eachFunction(unit.die, (fn) => {
      const at = this.#file.offsetOf(fn);
      this.#file.eachRange(fn, (start, end) => {
        ranges.start.push(start);
        ranges.end.push(end);
        offsets.push(at);
      });
    });
    this.#bytes += this.#file.readLines(unit) * LINE_BYTES;
    return {
      ...unit,
      ranges: RangeTable.build({ ...ranges, rank: new Uint8Array(offsets.length) }),
      offsets,
    };
  }

  /** Returns the function that is at `address` and those that are inlined there, outermost first. */
  #scopes(unit: IndexedUnit, address: number): Die[] {
    const item = unit.ranges.find(address);
    if (item < 0) return [];
    const fn = this.#file.dieAt(unit.offsets[item]!);
    if (fn === undefined) return [];
    const scopes = [fn];
    let scope: Die | undefined = fn;
    for (let depth = 0; scope !== undefined && depth < MAX_DEPTH; depth++) {
      let inner: Die | undefined;
      this.#file.eachChild(scope, (die) => {
        if (!this.#file.covers(die, address)) return false;
        inner = die.slice();
        return true;
      });
      scope = inner;
      if (scope && this.#file.isInlined(scope)) scopes.push(scope);
    }
    return scopes;
  }
}

/** Says what a function is called, and where it is called where it is inlined in another. */
export interface Scope extends Pick<SourceFrame, "function" | "startLine"> {
  readonly callSite: SourceLine;
}

export function scopeOf(file: DwarfFile, unit: Unit, die: Die): Scope {
  return {
    function: file.functionName(die),
    startLine: file.startLine(die),
    callSite: file.callSite(unit, die),
  };
}

/** Returns the frames of `scopes`, which are innermost first as these are, of an instruction at `place`. */
export function framesOf(scopes: readonly Scope[], place: SourceLine): SourceFrame[] {
  const named = (name: string, startLine: number, { file, line }: SourceLine) => ({
    function: name,
    startLine,
    file,
    line,
  });
  if (scopes.length === 0) return [named("", 0, place)];
  return scopes.map((scope, i) => named(scope.function, scope.startLine, scopes[i - 1]?.callSite ?? place));
}
