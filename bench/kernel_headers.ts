// SPDX-License-Identifier: Apache-2.0
/**
 * Headers of a kernel, for bcc, which compiles its programs where they run.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { run } from "../tests/support/programs.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const META = "linux-headers-amd64";

/**
 * Returns the environment in which bcc finds headers: empty where the running kernel's own are installed, else with
 * those of Debian's kernel, downloaded once. bcc's `profile` uses nothing of them that differs.
 */
export async function headersForBcc(): Promise<Record<string, string>> {
  const release = Deno.osRelease();
  if (existsSync(`/lib/modules/${release}/build/include`) || existsSync("/sys/kernel/kheaders.tar.xz")) {
    return {};
  }
  const name = dependency(META, /Depends: (linux-headers-\S+)/);
  const folder = `${ROOT}.tools/kernel-headers/${name}`;
  if (!existsSync(folder)) await download(name, folder);
  return { BCC_KERNEL_SOURCE: folder };
}

/** Puts what Debian keeps apart, the common headers and those of the architecture, into one tree. */
async function download(name: string, folder: string): Promise<void> {
  const common = dependency(name, /Depends: (linux-headers-\S+-common)/);
  const temporary = await Deno.makeTempDir({ prefix: "aperture-headers-" });
  try {
    run("chmod", ["755", temporary]);
    run("apt-get", ["download", "-q", name, common], { cwd: temporary });
    run("sh", ["-c", "for package in *.deb; do dpkg-deb -x $package all; done"], { cwd: temporary });
    const [own, shared] = [name, common].map((part) => `${temporary}/all/usr/src/${part}`);
    run("cp", ["-a", `${own}/include/.`, `${shared}/include`]);
    run("cp", ["-a", `${own}/arch/x86/include/generated`, `${shared}/arch/x86/include`]);
    await Deno.mkdir(`${ROOT}.tools/kernel-headers`, { recursive: true });
    run("cp", ["-a", shared!, folder]);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

function dependency(name: string, pattern: RegExp): string {
  const depends = run("apt-cache", ["depends", "--no-recommends", name]);
  const found = pattern.exec(depends)?.[1];
  if (found === undefined) throw new Error(`Cannot find kernel headers for bcc: ${name} depends on none`);
  return found;
}
