// SPDX-License-Identifier: Apache-2.0
/**
 * Programs that tests watch.
 *
 * @module
 */

import { compileTo } from "./compiled.ts";
import { limitCpu } from "./cpu_limit.ts";

/** A running program, ended when it is disposed of. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
}

/**
 * Runs `command` until it is disposed of.
 *
 * @param share of one CPU that it has at most, where the machine can see to it @default all
 */
export function run(
  command: string,
  args: readonly string[] = [],
  { share }: { share?: number } = {},
): Running {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const limit = share === undefined ? undefined : limitCpu(child.pid, share);
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It ended by itself.
      }
      await child.status;
      limit?.[Symbol.dispose]();
    },
  };
}

/** Uses a whole CPU, in user code only. */
export function runBusy(): Running {
  return run("sh", ["-c", "while :; do :; done"]);
}

/** Compiles C; the program is gone when it is disposed of. */
export async function compileC(
  source: string,
  { flags = [] }: {
    /** They are for the compiler. @default {[]} */
    flags?: readonly string[];
  } = {},
): Promise<{ path: string } & Disposable> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-c-" });
  const [path, file] = [`${folder}/program`, "program.c"];
  const remove = () => Deno.removeSync(folder, { recursive: true });
  try {
    await Deno.writeTextFile(`${folder}/${file}`, source);
    await compileTo(path, {
      compiler: "clang",
      // By its name alone, as the folder is another one each time.
      args: (to) => ["-O1", "-g", "-pthread", ...flags, file, "-o", to],
      sources: [`${folder}/${file}`],
      cwd: folder,
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, [Symbol.dispose]: remove };
}
