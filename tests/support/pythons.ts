// SPDX-License-Identifier: Apache-2.0
/**
 * The CPythons of this machine, and programs that they run.
 *
 * @module
 */

import { debianPython } from "./debian_python.ts";
import { isFile, run } from "./programs.ts";

export interface Python {
  readonly path: string;
  /** It is such as `3.11.2`. */
  readonly version: string;
  /** It is such as `3.11`. */
  readonly minor: string;
}

/** The first release of Debian with a Python that none of those before has, which is fetched. */
const LATEST = { suite: "forky", minor: "3.14" } as const;

/**
 * Returns those of the versions whose frames are read; one of each, but Debian's own and another of its version both.
 */
export function pythons(): Python[] {
  const home = Deno.env.get("HOME") ?? "/root";
  const folders = ["/usr/bin", "/usr/local/bin", ...versionsBelow(`${home}/.pyenv/versions`)];
  const names = [11, 12, 13, 14, 10, 9, 8].map((minor) => `python3.${minor}`);
  const found = new Map<string, Python>();
  const paths = folders.flatMap((folder) => names.map((name) => `${folder}/${name}`));
  if (!paths.some((path) => path.endsWith(LATEST.minor) && isFile(path))) paths.push(...latest());
  for (const path of paths) {
    try {
      const version = run(path, ["-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]).trim();
      found.set(Deno.realPathSync(path), { path, version, minor: version.replace(/\.\d+$/, "") });
    } catch {
      // There is none.
    }
  }
  return [...found.values()];
}

function latest(): string[] {
  try {
    return [debianPython(LATEST.suite, LATEST.minor)];
  } catch {
    return []; // This machine has no packages of Debian's, or no network.
  }
}

function versionsBelow(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}/bin`).sort();
  } catch {
    return [];
  }
}
