// SPDX-License-Identifier: Apache-2.0
/**
 * The code that the kernel maps into every process: its functions are read from the agent's own copy.
 *
 * @module
 */

import { readVdsoImage } from "../elf/vdso_image.ts";
import { memorySource } from "../../symbols/elf/byte_source.ts";
import { readElf } from "../../symbols/elf/elf.ts";
import type { Libdw } from "../../symbols/libdw/libdw.ts";
import { SymbolTable } from "../../symbols/symbol_table.ts";

/** The vDSO of 64-bit processes. Its image is mapped whole, so that an offset in it is an address. */
export interface Vdso {
  readonly buildId: string;
  readonly symbols: SymbolTable;
}

/** Returns `undefined` where there is none or it cannot be read. */
export function readVdso(libdw: Libdw): Vdso | undefined {
  try {
    const image = readVdsoImage();
    if (image === undefined) return undefined;
    return {
      buildId: readElf(memorySource(image)).buildId,
      symbols: SymbolTable.build({ tables: libdw.imageSymbols(image) }),
    };
  } catch {
    return undefined;
  }
}
