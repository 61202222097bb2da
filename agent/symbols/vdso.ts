/**
 * The code that the kernel maps into every process: its functions are read from the agent's own copy.
 *
 * @module
 */

import { executableMappings } from "../metadata/maps.ts";
import { memorySource, readElf } from "./elf.ts";
import type { Libdw } from "./libdw/libdw.ts";
import { SymbolTable } from "./symbol_table.ts";

const MAX_BYTES = 1 << 20;

/** The vDSO of 64-bit processes. Its image is mapped whole, so that an offset in it is an address. */
export interface Vdso {
  readonly buildId: string;
  readonly symbols: SymbolTable;
}

/** `undefined` where there is none or it cannot be read. */
export function readVdso(libdw: Libdw): Vdso | undefined {
  try {
    const mapping = executableMappings(Deno.readFileSync("/proc/self/maps")).find((m) => m.path === "[vdso]");
    if (mapping === undefined || mapping.end - mapping.start > MAX_BYTES) return undefined;
    const image = new Uint8Array(mapping.end - mapping.start);
    using memory = Deno.openSync("/proc/self/mem");
    memory.seekSync(mapping.start, Deno.SeekMode.Start);
    if (memory.readSync(image) !== image.length) return undefined;
    return {
      buildId: readElf(memorySource(image)).buildId,
      symbols: SymbolTable.build(libdw.imageSymbols(image)),
    };
  } catch {
    return undefined;
  }
}
