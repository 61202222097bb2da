// SPDX-License-Identifier: Apache-2.0
/**
 * Tells where file systems are mounted: `/proc/PID/mountinfo` (proc(5)).
 *
 * @module
 */

/** A file by its file system. */
export interface DevicePath {
  /** It is as the kernel has it within: the major number, then 20 bits of the minor one. */
  readonly device: number;
  /** It begins at the root of the file system. */
  readonly path: string;
}

/** Returns the paths under which the process whose `/proc/PID` is `folder` may have the file, hidden ones too. */
export function mountedAt(folder: string, file: DevicePath): string[] {
  try {
    return pathsIn(Deno.readTextFileSync(`${folder}/mountinfo`), file);
  } catch {
    return [];
  }
}

/** Returns what {@linkcode mountedAt} finds in the text of a mountinfo. */
export function pathsIn(mountinfo: string, { device, path }: DevicePath): string[] {
  const numbers = `${device >>> 20}:${device & 0xfffff}`;
  const paths: string[] = [];
  for (const line of mountinfo.split("\n")) {
    const [, , deviceNumbers, root, point] = line.split(" ");
    if (deviceNumbers !== numbers || root === undefined || point === undefined) continue;
    const inside = below(path, unescape(root));
    if (inside !== undefined) paths.push(joined(unescape(point), inside));
  }
  return paths;
}

/** Returns what of `path` follows `root`; `undefined` where it is elsewhere. */
function below(path: string, root: string): string | undefined {
  if (root === "/") return path;
  return path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : undefined;
}

function joined(point: string, inside: string): string {
  return point === "/" ? inside : point + inside;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
