// SPDX-License-Identifier: Apache-2.0
/**
 * BPF objects for tests, compiled on the spot.
 *
 * @module
 */

import { type BpfArch, bpfCommand } from "../../tasks/build.ts";

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
  const [path, file] = [`${folder}/test.bpf.o`, `${folder}/test.bpf.c`];
  await Deno.writeTextFile(file, source);
  const [program, ...args] = bpfCommand(file, { object: path, ...arch && { arch } });
  const { success, stderr } = await new Deno.Command(program, { args, cwd: ROOT }).output();
  const remove = () => Deno.removeSync(folder, { recursive: true });
  if (success) return { path, [Symbol.dispose]: remove };
  remove();
  throw new Error(`Cannot compile: ${new TextDecoder().decode(stderr)}`);
}
