// SPDX-License-Identifier: Apache-2.0
/**
 * ELF files through elfutils: which symbol tables a file has, in itself, in a separate debug file or in its
 * compressed mini debug info.
 *
 * A file is open only while its tables are copied out. libelf maps files into memory, and a mapped file that
 * someone truncates kills who reads it: so it is mapped for milliseconds, and whoever would make it shorter meanwhile
 * waits, where the file system has leases.
 *
 * @module
 */

import type { RawSection, RawSymbols } from "../build_symbol_image.ts";
import { LIBC, LIBDW, LIBELF } from "./ffi.ts";

const O_NONBLOCK = 0o4000; // Else to open a named pipe waits for its other end.
const O_CLOEXEC = 0o2000000;
/** fcntl.h, signal.h: the signal that tells of a lease that somebody waits for; this one is ignored where nobody asks. */
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_RDLCK = 0n;
const SIGURG = 23n;
const EV_CURRENT = 1;
const ELFCLASS64 = 2;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const SHT_GNU_VERSYM = 0x6fffffff;
const SHF_EXECINSTR = 4n;
/** More sections than any linker writes without the extended numbering, which is not read. */
const MAX_SECTIONS = 0xff00;
/** A larger table is not copied: a file can claim any size. */
const MAX_TABLE_BYTES = 256 << 20;

/** A file cannot be read by elfutils; the message says why. */
export class LibdwError extends Error {
  override readonly name = "LibdwError";
}

export interface FileSymbolsOptions {
  /** The file's name in messages and to look beside for debug files. @default {path} */
  name?: string;
  /**
   * It is asked when the file itself has no full symbol table: the path of its separate debug file.
   *
   * @param link what `.gnu_debuglink` says, if there is one
   */
  findDebugFile?: (link: { name: string; checksum: number } | undefined) => string | undefined;
}

type Pointer = Deno.PointerObject;
type FindDebugFile = NonNullable<FileSymbolsOptions["findDebugFile"]>;

const FIND_DEBUGINFO = {
  parameters: [
    /* Dwfl_Module *mod */ "pointer",
    /* void **userdata */ "pointer",
    /* const char *modname */ "pointer",
    /* Dwarf_Addr base */ "u64",
    /* const char *file_name */ "pointer",
    /* const char *debuglink_file */ "pointer",
    /* GElf_Word debuglink_crc */ "u32",
    /* char **debuginfo_file_name */ "pointer",
  ],
  result: "i32",
} as const satisfies Deno.UnsafeCallbackDefinition;

/** elfutils, opened once. */
export class Libdw implements Disposable {
  readonly #libraries = new DisposableStack();
  readonly #dw: Deno.StaticForeignLibraryInterface<typeof LIBDW>;
  readonly #elf: Deno.StaticForeignLibraryInterface<typeof LIBELF>;
  readonly #c: Deno.StaticForeignLibraryInterface<typeof LIBC>;
  readonly #callbacks: BigUint64Array<ArrayBuffer>;
  #findDebugFile: FindDebugFile = () => undefined;
  /** Libelf points into these, which must therefore not be collected. */
  readonly #held = new Set<Uint8Array>();
  #skipped = 0;

  /** @throws {LibdwError} when the libraries are not installed */
  constructor() {
    this.#dw = this.#load("libdw.so.1", LIBDW);
    this.#elf = this.#load("libelf.so.1", LIBELF);
    this.#c = this.#load("libc.so.6", LIBC);
    this.#elf.elf_version(EV_CURRENT);
    const find = new Deno.UnsafeCallback(
      FIND_DEBUGINFO,
      (_mod, _data, _name, _base, _file, link, checksum) => {
        try {
          const name = textAt(link);
          const path = this.#findDebugFile(name === undefined ? undefined : { name, checksum });
          return path === undefined ? -1 : this.#open(path);
        } catch {
          return -1; // An exception must not cross the C frames below.
        }
      },
    );
    this.#libraries.defer(() => find.close());
    // struct Dwfl_Callbacks { find_elf, find_debuginfo, section_address, debuginfo_path }: the first is not
    // called for a file that is given open, the third not for anything but kernel modules. elfutils' own
    // search (dwfl_standard_find_debuginfo) is not used: it opens named pipes that others may have put
    // there, knows no other mount namespace, and may wait for downloads.
    this.#callbacks = new BigUint64Array([0n, BigInt(Deno.UnsafePointer.value(find.pointer)), 0n, 0n]);
  }

  [Symbol.dispose](): void {
    this.#libraries.dispose();
  }

  /** Returns how many symbol tables and their strings were passed over since the start, for their size. */
  get skippedTables(): number {
    return this.#skipped;
  }

  /**
   * Returns the symbol tables of the file at `path`: its own full one, else that of its debug file, else its dynamic
   * one and that of its mini debug info (`.gnu_debugdata`).
   *
   * @throws {LibdwError} when the file cannot be opened or is not ELF
   */
  fileSymbols(
    path: string,
    { name = path, findDebugFile = () => undefined }: FileSymbolsOptions = {},
  ): RawSymbols[] {
    let given = false;
    this.#findDebugFile = (link) => {
      const found = findDebugFile(link);
      given = found !== undefined;
      return found;
    };
    try {
      return this.#read(path, name);
    } catch (error) {
      if (!given) throw error;
      this.#findDebugFile = () => undefined; // A debug file that makes no sense must not cost the rest.
      return this.#read(path, name);
    }
  }

  /**
   * Returns the symbol tables of an ELF image in memory, such as the vDSO.
   *
   * @throws {LibdwError} when it is not ELF
   */
  imageSymbols(image: Uint8Array<ArrayBuffer>): RawSymbols[] {
    const elf = this.#elf.elf_memory(image, BigInt(image.length));
    if (elf === null) throw new LibdwError(`Cannot read an ELF image: ${this.#elfMessage()}`);
    this.#held.add(image);
    try {
      return this.#tableOf(elf, 0);
    } finally {
      this.#elf.elf_end(elf);
      this.#held.delete(image);
    }
  }

  #read(path: string, name: string): RawSymbols[] {
    const fd = this.#open(path);
    if (fd < 0) throw new LibdwError(`Cannot open ${name}`);
    const dwfl = this.#dw.dwfl_begin(Deno.UnsafePointer.of(this.#callbacks));
    if (dwfl === null) {
      this.#c.close(fd);
      throw this.#error(name);
    }
    try {
      // At base 0 with the file's own addresses added, so that none is moved.
      const mod = this.#dw.dwfl_report_elf(dwfl, cText(name), cText(name), fd, 0n, true);
      if (mod === null) {
        this.#c.close(fd);
        throw this.#error(name);
      }
      this.#dw.dwfl_report_end(dwfl, null, null);
      return this.#moduleSymbols(mod, name);
    } finally {
      this.#dw.dwfl_end(dwfl);
    }
  }

  #moduleSymbols(mod: Pointer, name: string): RawSymbols[] {
    const count = this.#dw.dwfl_module_getsymtab(mod);
    if (count < 0) throw this.#error(name);
    // Local symbols of the main table, of the auxiliary one, global ones of the main, of the auxiliary: the
    // ends of these parts name every file that has symbols.
    const firstGlobal = this.#dw.dwfl_module_getsymtab_first_global(mod);
    const tables = new Map<bigint, RawSymbols[]>();
    for (const index of new Set([1, firstGlobal - 1, firstGlobal, count - 1])) {
      if (index < 1 || index >= count) continue;
      const from = this.#fileOfSymbol(mod, index);
      if (from === undefined || tables.has(from.key)) continue;
      tables.set(from.key, this.#tableOf(from.elf, from.bias));
    }
    return [...tables.values()].flat();
  }

  #fileOfSymbol(mod: Pointer, index: number) {
    const out = new BigUint64Array(8);
    const part = (at: number) => new Uint8Array(out.buffer, at * 8);
    // sym at 0 to 2, addr 3, section 4, elf 5, bias 6
    this.#dw.dwfl_module_getsym_info(mod, index, part(0), part(3), part(4), part(5), part(6));
    const elf = Deno.UnsafePointer.create(out[5]!);
    return elf === null ? undefined : { key: out[5]!, elf, bias: Number(BigInt.asIntN(64, out[6]!)) };
  }

  /** Returns the full symbol table, else the dynamic one, else none. */
  #tableOf(elf: Pointer, bias: number): RawSymbols[] {
    const sections: RawSection[] = [];
    const tables = new Map<number, { symbols: Pointer; link: bigint }>();
    const header = new BigUint64Array(8); // GElf_Shdr
    let section = this.#elf.elf_nextscn(elf, null);
    while (section !== null && sections.length < MAX_SECTIONS) {
      if (this.#elf.gelf_getshdr(section, new Uint8Array(header.buffer)) === null) break;
      const type = Number(header[0]! >> 32n);
      sections[Number(this.#elf.elf_ndxscn(section))] = {
        address: Number(header[2]),
        size: Number(header[4]),
        executable: (header[1]! & SHF_EXECINSTR) !== 0n,
      };
      if (type === SHT_SYMTAB || type === SHT_DYNSYM || type === SHT_GNU_VERSYM) {
        tables.set(type, { symbols: section, link: header[5]! & 0xffffffffn });
      }
      section = this.#elf.elf_nextscn(elf, section);
    }
    const table = tables.get(SHT_SYMTAB) ?? tables.get(SHT_DYNSYM);
    if (table === undefined) return [];
    const symbols = this.#sectionBytes(table.symbols);
    const strings = this.#sectionBytes(this.#elf.elf_getscn(elf, table.link));
    const bits = this.#elf.gelf_getclass(elf) === ELFCLASS64 ? 64 : 32;
    const full = tables.has(SHT_SYMTAB);
    const versions = full ? undefined : tables.get(SHT_GNU_VERSYM);
    return symbols && strings
      ? [{
        ...{ bits, symbols, strings, sections, bias, full },
        versions: versions && this.#sectionBytes(versions.symbols),
      }]
      : [];
  }

  /** Returns a copy of what struct Elf_Data { void *d_buf; int d_type; int d_version; size_t d_size; … } points to. */
  #sectionBytes(section: Pointer | null): Uint8Array<ArrayBuffer> | undefined {
    const data = section && this.#elf.elf_getdata(section, null);
    if (!data) return undefined;
    const view = new Deno.UnsafePointerView(data);
    const buffer = view.getPointer(0);
    const size = Number(view.getBigUint64(16));
    if (buffer === null) return undefined;
    if (size > MAX_TABLE_BYTES) {
      this.#skipped++;
      return undefined;
    }
    const copy = new Uint8Array(size);
    new Deno.UnsafePointerView(buffer).copyInto(copy);
    return copy;
  }

  /** Opens a file, which nobody can open to write or make shorter then until it is closed, where that can be had. */
  #open(path: string): number {
    const fd = this.#c.open(cText(path), O_NONBLOCK | O_CLOEXEC);
    // Without another signal the kernel's own would end the process.
    if (fd >= 0 && this.#c.fcntl(fd, F_SETSIG, SIGURG) === 0) this.#c.fcntl(fd, F_SETLEASE, F_RDLCK);
    return fd;
  }

  #load<T extends Deno.ForeignLibraryInterface>(name: string, symbols: T) {
    try {
      const library = Deno.dlopen(name, symbols);
      this.#libraries.defer(() => library.close());
      return library.symbols;
    } catch (error) {
      this.#libraries.dispose();
      throw new LibdwError(`Cannot load ${name} (Debian: apt-get install libdw1)`, { cause: error });
    }
  }

  #error(name: string): LibdwError {
    const message = textAt(this.#dw.dwfl_errmsg(this.#dw.dwfl_errno())) ?? "unknown reason";
    return new LibdwError(`Cannot read ${name}: ${message}`);
  }

  #elfMessage(): string {
    return textAt(this.#elf.elf_errmsg(this.#elf.elf_errno())) ?? "unknown reason";
  }
}

function textAt(pointer: Deno.PointerValue): string | undefined {
  return pointer === null ? undefined : new Deno.UnsafePointerView(pointer).getCString();
}

function cText(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}
