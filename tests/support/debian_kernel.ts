// SPDX-License-Identifier: Apache-2.0
/**
 * Other kernels than this machine's: Debian's.
 *
 * @module
 */

import { runProgram } from "./child.ts";
import { suiteOptions } from "./debian_suite.ts";
import { unpackKernel } from "./kernel_image.ts";
import { isFile } from "./programs.ts";

const CACHE = new URL("../../.tools/kernels", import.meta.url).pathname;
/** Stands for the newest kernel of a suite. */
const META = "linux-image-amd64";
/** It is small, and needs no other. */
const MODULE = "kernel/drivers/net/dummy.ko";

/** A kernel of Debian's. */
export interface DebianKernel {
  /** The path of its image, unpacked. */
  readonly image: string;
  /** The path of its module `dummy`; newer packages have it compressed. */
  readonly module: string;
}

/**
 * Downloads the kernel of a suite of Debian, unless it is there.
 *
 * @param suite the suite of Debian whose kernel it is
 */
export async function debianKernel(suite: string): Promise<DebianKernel> {
  const options = suiteOptions(suite);
  const depends = await output("apt-cache", [...options, "depends", "--no-recommends", META]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`Cannot tell the kernel of ${suite}: ${META} depends on none`);
  const known = kernelIn(`${CACHE}/${name}`, name.replace("linux-image-", ""));
  if (known) return known;
  await Deno.mkdir(CACHE, { recursive: true });
  const folder = await Deno.makeTempDir({ prefix: "aperture-kernel-" });
  // Beside where it goes, so that it can be moved there once it is whole.
  const unpacked = await Deno.makeTempDir({ dir: CACHE, prefix: "new-" });
  try {
    // apt downloads as a user of its own.
    await Deno.chmod(folder, 0o755);
    await output("apt-get", [...options, "download", "-q", name], folder);
    const [file] = [...Deno.readDirSync(folder)].map(({ name }) => name);
    // All else of the package is other modules: some hundred megabytes.
    const wanted = `'./boot/vmlinuz-*' '*lib/modules/*/${MODULE}*'`;
    const unpack = `dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" --wildcards ${wanted}`;
    await output("sh", ["-c", unpack, `${folder}/${file}`, unpacked]);
    const image = `${unpacked}/boot/vmlinuz-${name.replace("linux-image-", "")}`;
    await unpackKernel(image, image.replace("vmlinuz", "vmlinux"));
    await Deno.remove(`${CACHE}/${name}`, { recursive: true }).catch(() => {});
    await Deno.rename(unpacked, `${CACHE}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(unpacked, { recursive: true }).catch(() => {});
  }
  const kernel = kernelIn(`${CACHE}/${name}`, name.replace("linux-image-", ""));
  if (!kernel) throw new Error(`Cannot find a kernel and its modules in the package ${name}`);
  return kernel;
}

function kernelIn(root: string, release: string): DebianKernel | undefined {
  const image = `${root}/boot/vmlinux-${release}`;
  // Since Debian 13 in /usr.
  const module = ["lib", "usr/lib"].map((lib) => `${root}/${lib}/modules/${release}/${MODULE}`)
    .flatMap((path) => [path, `${path}.xz`]).find(isFile);
  return module !== undefined && isFile(image) ? { image, module } : undefined;
}

async function output(program: string, args: readonly string[], cwd = "/"): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, args, { cwd });
  if (code !== 0) throw new Error(`Cannot run ${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}
