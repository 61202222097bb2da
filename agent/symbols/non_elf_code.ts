// SPDX-License-Identifier: Apache-2.0
/**
 * Code that no ELF file holds: what the kernel maps into every process, and what runtimes compile.
 *
 * @module
 */

import { type Frame, JIT_MODULE, VDSO_MODULE } from "../../profile/model.ts";
import type { Mapping } from "../metadata/maps.ts";
import type { Process } from "../metadata/processes.ts";
import type { Demangler } from "../../symbols/names/demangle.ts";
import { offsetName } from "./frame_cache.ts";
import { erlangName } from "./names/erlang_names.ts";
import { javaName } from "./names/java_names.ts";
import type { Libdw } from "../../symbols/libdw/libdw.ts";
import { PerfMaps, type PerfMapsOptions } from "./perf_map/perf_maps.ts";
import { parsePythonName } from "./names/python_names.ts";
import { parseV8Name, wasmName } from "./names/v8_names.ts";
import type { JavaMaps } from "../java/java_maps.ts";
import { jitKind, jitName, JVM, kindIn } from "./jit_kind.ts";
import { readVdso, type Vdso } from "./vdso.ts";

/** Mappings without a file, named or not, and those of files that only stand for memory. */
const ANONYMOUS =
  /^$|^\[(anon[:_]|heap|stack)|^\/\/anon|^anon_inode:|^\/(memfd:|SYSV|anon_hugepage|dev\/(zero|shm\/))/;

/** Names code by the vDSO's own symbols and by the perf maps of processes. */
export class NonElfCode {
  readonly #perfMaps: PerfMaps;
  readonly #vdso: Vdso | undefined;
  readonly #demangler: Demangler;
  readonly #java: JavaMaps | undefined;
  readonly #kinds = new WeakMap<readonly Mapping[], { readonly kind: string | undefined }>();
  #unnamed = 0;

  /**
   * @param options.java asks JVMs for maps @default none
   * @param options.reading bounds how long maps are read in a window @default as for {@linkcode PerfMaps}
   */
  constructor(
    { libdw, demangler, java, reading }: {
      libdw: Libdw;
      demangler: Demangler;
      java?: JavaMaps | undefined;
      reading?: Pick<PerfMapsOptions, "coldMs" | "clock">;
    },
  ) {
    this.#perfMaps = new PerfMaps(reading);
    this.#java = java;
    this.#demangler = demangler;
    this.#vdso = readVdso(libdw);
  }

  /** Addresses without a name since the start. */
  get unnamed(): number {
    return this.#unnamed;
  }

  get perfMapBytes(): number {
    return this.#perfMaps.bytes;
  }

  /** Addresses that went unnamed for now as reading maps took too long in their window. */
  get postponed(): number {
    return this.#perfMaps.postponed;
  }

  /** Reads nothing more in `ms` from now on. */
  endReadingIn(ms: number): void {
    this.#perfMaps.endReadingIn(ms);
  }

  endWindow(): void {
    this.#perfMaps.endWindow();
  }

  /** Returns the frame of an address in the vDSO, from its start. */
  vdsoFrame(address: number): Frame {
    const symbol = this.#vdso?.symbols.find(address);
    if (symbol === undefined) this.#unnamed++;
    return {
      function: symbol ?? offsetName(VDSO_MODULE, address),
      module: VDSO_MODULE,
      file: "",
      line: 0,
      buildId: this.#vdso?.buildId ?? "",
      address,
    };
  }

  /**
   * Returns the frame of an address in memory, or in a file that is no ELF. A name from a perf map goes without an
   * address: the same function lies elsewhere in each process and each time that it is compiled, and is one function
   * all the same.
   */
  frame(process: Process, mapping: Mapping, address: number): Frame {
    const base = { file: "", line: 0, buildId: "" };
    // The map that is there is of the program that runs now.
    const name = process.past ? undefined : this.#perfMaps.find(process, address);
    if (name !== undefined) {
      const script = parseV8Name(name) ?? parsePythonName(name);
      if (script) {
        // Functions of one name in different files are different ones; what is no file (`[eval]`) is JIT code.
        const module = script.file.startsWith("[") ? JIT_MODULE : script.file;
        return { ...script, module, buildId: "", address: 0 };
      }
      const text = wasmName(name) ?? erlangName(name) ?? javaName(name, this.#demangler.style) ??
        this.#demangler.name(name);
      return { function: text, module: JIT_MODULE, ...base, address: 0 };
    }
    this.#unnamed++;
    if (ANONYMOUS.test(mapping.path)) {
      const kind = this.#kindOf(process);
      if (kind === JVM && !process.past) this.#java?.want(process);
      return { function: jitName(kindIn(kind, mapping)), module: JIT_MODULE, ...base, address: 0 };
    }
    // Files that are mapped to be run, but are no ELF (a JVM's archive, a .NET assembly), and the kernel's
    // special mappings (`[uprobes]`) have names that say more than [jit].
    const { path } = mapping;
    const offset = address - mapping.start + mapping.offset;
    const short = path.slice(path.lastIndexOf("/") + 1);
    return { function: offsetName(short, offset), module: path, ...base, address: offset };
  }

  #kindOf({ mappings }: Process): string | undefined {
    let known = this.#kinds.get(mappings);
    if (!known) this.#kinds.set(mappings, known = { kind: jitKind(mappings) });
    return known.kind;
  }
}
