// SPDX-License-Identifier: Apache-2.0
/**
 * Makes small ELF images with unwind information in any form, also in those that no compiler at hand writes.
 *
 * @module
 */

const HEADER_ADDRESS = 0x800;
const EH_FRAME_ADDRESS = 0x1000;
/** Is where the code of an image is; its file offset is another. */
export const CODE_ADDRESS = 0x40_0000;

export interface ImageOptions {
  /** It is in bytes. @default {0x1000} */
  codeBytes?: number;
  /** Entries made with {@linkcode Frames}. */
  ehFrame?: Uint8Array;
  debugFrame?: Uint8Array;
  /** Deflates `.debug_frame`. @default {false} */
  compressed?: boolean;
  /** Leaves out the section headers. @default {false} */
  stripped?: boolean;
  /** Adds `.eh_frame_hdr` that counts so many functions, -1 for one that does not tell. */
  functions?: number;
  /** Adds `.eh_frame_hdr` with a table of these, as {@linkcode Frames.functions} has them. */
  searchTable?: readonly SearchEntry[];
}

/** A function's first address, and the offset of its entry in `.eh_frame`. */
export type SearchEntry = readonly [start: number, offset: number];

/**
 * Returns an x86-64 shared library: file header, program headers, `.eh_frame`, code, `.debug_frame`, `.eh_frame_hdr`.
 */
export async function elfImage(options: ImageOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { codeBytes = 0x1000, ehFrame = new Uint8Array(), stripped = false } = options;
  const header = ehFrameHeader(options);
  const debug = await debugFrame(options);
  const ehAt = 0x210;
  const codeAt = ehAt + ehFrame.length;
  const debugAt = codeAt + codeBytes;
  const names = "\0.eh_frame\0.debug_frame\0.shstrtab\0";
  const headerAt = debugAt + debug.length;
  const namesAt = headerAt + header.length;
  const sectionsAt = namesAt + names.length;
  const image = new Uint8Array(stripped ? namesAt : sectionsAt + 4 * 64);
  image.set(fileHeader(stripped ? 0 : sectionsAt), 0);
  const load = (flags: number, offset: number, address: number, size: number) =>
    fields([4, 1], [4, flags], [8, offset], [8, address], [8, address], [8, size], [8, size], [8, 1]);
  image.set(load(4, ehAt, EH_FRAME_ADDRESS, ehFrame.length), 64);
  image.set(load(5, codeAt, CODE_ADDRESS, codeBytes), 120);
  const place: [number, number][] = [[8, headerAt], [8, HEADER_ADDRESS], [8, HEADER_ADDRESS], [
    8,
    header.length,
  ]];
  image.set(fields([4, header.length ? 0x6474e550 : 0], [4, 4], ...place, [8, header.length], [8, 4]), 176);
  image.set(header, headerAt);
  image.set(ehFrame, ehAt);
  image.set(debug, debugAt);
  if (stripped) return image;
  image.set(new TextEncoder().encode(names), namesAt);
  const section = (name: number, flags: number, ...[address, offset, size]: [number, number, number]) =>
    fields([4, name], [4, 1], [8, flags], [8, address], [8, offset], [8, size], [8, 0], [8, 1], [8, 0]);
  image.set(section(1, 2, EH_FRAME_ADDRESS, ehAt, ehFrame.length), sectionsAt + 64);
  image.set(section(11, options.compressed ? 0x800 : 0, 0, debugAt, debug.length), sectionsAt + 128);
  image.set(section(24, 0, 0, namesAt, names.length), sectionsAt + 192);
  return image;
}

/** Returns a header of ET_DYN, EM_X86_64, three program headers, four section headers. */
function fileHeader(sectionsAt: number): number[] {
  const kind: [number, number][] = [[4, 0x464c457f], [4, 0x00010102], [8, 0], [2, 3], [2, 62], [4, 1]];
  const counts: [number, number][] = [[2, 64], [2, 56], [2, 3], [2, 64]];
  const sections: [number, number][] = sectionsAt ? [[2, 4], [2, 3]] : [[2, 0], [2, 0]];
  return fields(...kind, [8, 0], [8, 64], [8, sectionsAt], [4, 0], ...counts, ...sections);
}

/**
 * Returns a header of version 1, `.eh_frame` as absolute address (udata4), the count as udata4 or omitted, the table
 * from its start.
 */
function ehFrameHeader({ functions, searchTable }: ImageOptions): Uint8Array {
  const count = searchTable?.length ?? functions;
  if (count === undefined) return new Uint8Array();
  const known = count >= 0;
  const encodings: [number, number][] = [[1, 3], [1, known ? 3 : 0xff], [1, searchTable ? 0x3b : 0xff]];
  const table = searchTable?.flatMap(([start, offset]): [number, number][] => {
    return [[4, start - HEADER_ADDRESS], [4, EH_FRAME_ADDRESS + offset - HEADER_ADDRESS]];
  }) ?? [];
  return new Uint8Array(
    fields([1, 1], ...encodings, [4, EH_FRAME_ADDRESS], [4, known ? count : 0], ...table),
  );
}

async function debugFrame({ debugFrame = new Uint8Array(), compressed }: ImageOptions): Promise<Uint8Array> {
  if (!compressed) return debugFrame;
  const stream = new Blob([debugFrame.slice()]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = await new Response(stream).bytes();
  return new Uint8Array([...fields([4, 1], [4, 0], [8, debugFrame.length], [8, 1]), ...packed]);
}

/** Numbers of so many bytes each, little-endian. */
export function fields(...numbers: [bytes: number, value: number][]): number[] {
  return numbers.flatMap(([bytes, value]) => {
    const bits = BigInt.asUintN(64, BigInt(value));
    return Array.from({ length: bytes }, (_, i) => Number(bits >> BigInt(8 * i) & 0xffn));
  });
}

export interface CieOptions {
  /** @default {"zR"} */
  augmentation?: string;
  /** DW_EH_PE_* of the functions' addresses. @default {0} */
  encoding?: number;
  /** Augmentation data, in place of the encoding. */
  data?: number[];
  /** @default {1} */
  version?: number;
  /** @default {16} */
  returnRegister?: number;
  /** @default {def_cfa rsp+8; rip at CFA-8} */
  code?: number[];
}

export interface FdeOptions {
  start: number;
  length: number;
  code: number[];
  /** Bytes of an address. @default {8} */
  addressBytes?: number;
  /** The address counts from its own place. @default {false} */
  relative?: boolean;
  /** Functions have augmentation data. @default {true} */
  augmented?: boolean;
}

/** Assembles the entries of `.eh_frame`, or of `.debug_frame`, in the 32-bit or 64-bit form. */
export class Frames {
  readonly #bytes: number[] = [];
  readonly #eh: boolean;
  readonly #wide: boolean;
  readonly #functions: SearchEntry[] = [];

  constructor({ eh = true, wide = false } = {}) {
    this.#eh = eh;
    this.#wide = wide;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#bytes);
  }

  /** Returns them in the order of their addresses, as a linker lists them. */
  get functions(): readonly SearchEntry[] {
    return this.#functions.toSorted(([a], [b]) => a - b);
  }

  /** @returns its offset, for {@linkcode Frames.fde} */
  cie(options: CieOptions = {}): number {
    const { augmentation = this.#eh ? "zR" : "", encoding = 0, version = 1, returnRegister = 16 } = options;
    const { data = [encoding], code = [0x0c, 7, 8, 0x90, 1] } = options;
    const text = [...new TextEncoder().encode(augmentation), 0];
    const sizes = version === 4 ? [8, 0] : [];
    const extra = augmentation.startsWith("z") ? [data.length, ...data] : [];
    const id = this.#eh ? 0 : -1;
    return this.#entry(() => id, [version, ...text, ...sizes, 1, 0x78, returnRegister, ...extra, ...code]);
  }

  fde(cie: number, { start, length, code, addressBytes = 8, ...options }: FdeOptions): void {
    const body = this.#bytes.length + (this.#wide ? 12 : 4) + this.#idBytes;
    const from = options.relative ? EH_FRAME_ADDRESS + body : 0;
    const where = fields([addressBytes, start - from], [addressBytes, length]);
    const extra = this.#eh && options.augmented !== false ? [0] : [];
    const offset = this.#entry((at) => this.#eh ? at - cie : cie, [...where, ...extra, ...code]);
    this.#functions.push([start, offset]);
  }

  /** Adds an entry of these bytes, id included. @returns its offset */
  raw(body: readonly number[]): number {
    const offset = this.#bytes.length;
    this.#bytes.push(...fields([4, body.length]), ...body);
    return offset;
  }

  /** Adds what a linker leaves at the end, or between the parts of two input files. */
  terminator(): void {
    this.#bytes.push(0, 0, 0, 0);
  }

  get #idBytes(): number {
    return this.#wide && !this.#eh ? 8 : 4;
  }

  #entry(id: (at: number) => number, body: readonly number[]): number {
    const offset = this.#bytes.length;
    const length = this.#idBytes + body.length;
    this.#bytes.push(...this.#wide ? fields([4, 0xffffffff], [8, length]) : fields([4, length]));
    this.#bytes.push(...fields([this.#idBytes, id(this.#bytes.length)]), ...body);
    return offset;
  }
}
