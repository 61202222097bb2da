// SPDX-License-Identifier: Apache-2.0
/**
 * BPF objects for tests, compiled on the spot.
 *
 * @module
 */

import { type BpfArch, bpfCommand, bpfHeaders } from "../../tasks/build.ts";
import { compileTo } from "./compiled.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Compiles `source`, which may include what is in `bpf/`; the object is gone when it is disposed of. */
export async function compileBpf(
  source: string,
  { arch }: {
    /** @default the machine's own */
    arch?: BpfArch;
  } = {},
): Promise<{ path: string } & Disposable> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-bpf-" });
  const [path, file] = [`${folder}/test.bpf.o`, "test.bpf.c"];
  const remove = () => Deno.removeSync(folder, { recursive: true });
  try {
    await Deno.writeTextFile(`${folder}/${file}`, source);
    // By its name alone, as the folder is another one each time.
    await compileBpfTo(path, file, { arch, cwd: folder });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, [Symbol.dispose]: remove };
}

/**
 * Compiles the file `source` to `target`, unless that was done before.
 *
 * @param options.arch @default {the machine's own}
 * @param options.cwd `source` is relative to it @default {the root of the repository}
 */
export async function compileBpfTo(
  target: string,
  source: string,
  { arch, cwd = ROOT }: { arch?: BpfArch | undefined; cwd?: string } = {},
): Promise<void> {
  const command = (object: string) =>
    bpfCommand(source, { object, include: `${ROOT}bpf`, ...arch && { arch } });
  await compileTo(target, {
    compiler: command(target)[0],
    args: (object) => command(object).slice(1),
    sources: [`${cwd}/${source}`, ...bpfHeaders().map((path) => ROOT + path)],
    cwd,
  });
}
