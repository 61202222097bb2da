// SPDX-License-Identifier: Apache-2.0
/**
 * Part of a guest: loads a module of its kernel, and names its functions.
 *
 * @module
 */

import { KernelSymbols } from "../../agent/symbols/kernel/kernel_symbols.ts";

export interface NamedModule {
  readonly functions: number;
  /** Lists what was named otherwise than kallsyms has it. */
  readonly wrong: readonly string[];
}

/** Loads `/bin/NAME.ko` and looks every function of it up, at its start and in it. */
export async function nameModule(name: string): Promise<NamedModule> {
  const { success, stderr } = await new Deno.Command("insmod", { args: [`/bin/${name}.ko`] }).output();
  if (!success) throw new Error(`Cannot load ${name}: ${new TextDecoder().decode(stderr)}`);
  using kernel = new KernelSymbols();
  // Of two hundred thousand lines these are some ten: an emulated machine takes seconds to split all of them.
  const lines = (await Deno.readTextFile("/proc/kallsyms")).split("\n").filter((line) =>
    line.endsWith(`[${name}]`)
  );
  const functions = lines.map((line) => line.split(/\s/)).filter(([, type]) => /^t$/i.test(type!));
  const names = Map.groupBy(functions, ([address]) => parseInt(address!.slice(4), 16));
  const wrong: string[] = [];
  for (const [address, known] of names) {
    for (const at of [address, address + 1]) {
      const { function: found, module } = kernel.frame(at);
      const right = module === `[${name}]` && known.some(([, , symbol]) => symbol === found);
      if (!right) wrong.push(`${at.toString(16)}: ${found} ${module}`);
    }
  }
  return { functions: names.size, wrong };
}
