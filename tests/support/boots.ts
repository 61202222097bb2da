// SPDX-License-Identifier: Apache-2.0
/**
 * Boots of other kernels, in processes beside the tests.
 *
 * @module
 */

import { BACKGROUND_NICE } from "../../tasks/test/lanes.ts";
import { runProgram } from "./child.ts";
import { KERNELS } from "./kernels.ts";
import { askShared } from "./shared.ts";

const PROGRAM = import.meta.resolve("./kernels.ts");
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Gives what the guest's script wrote on the kernel of `version`, one of `KERNELS`. */
export async function outputOf(version: string): Promise<string> {
  const response = await askShared(`/kernels/${version}`);
  return response ? await response.text() : await new Boots({}).output(version);
}

/** Boots of kernels; each boots at most once. */
export class Boots {
  readonly #env: Readonly<Record<string, string>>;
  readonly #outputs = new Map<string, Promise<string>>();

  /** @param env added to the environment of what it starts */
  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** Starts all kernels in the background, at once. */
  startAll(): void {
    // Who asks is told of an error; nobody may.
    for (const { version } of KERNELS) this.output(version).catch(() => {});
  }

  /** Gives what the guest's script wrote on the kernel of `version`, which boots if nobody asked before. */
  output(version: string): Promise<string> {
    const known = this.#outputs.get(version);
    if (known) return known;
    const output = this.#boot(version);
    this.#outputs.set(version, output);
    return output;
  }

  async #boot(version: string): Promise<string> {
    // An emulated machine takes all that it can get: what runs beside it shall not wait for that.
    const deno = ["-n", `${BACKGROUND_NICE}`, Deno.execPath(), "run", "--quiet", "--frozen", "--allow-all"];
    const args = [...deno, `--config=${CONFIG}`, PROGRAM, version];
    const { code, stdout, stderr } = await runProgram("nice", args, { env: { ...this.#env } });
    if (code !== 0) throw new Error(`Cannot boot Linux ${version}: ${stderr}`);
    return stdout;
  }
}
