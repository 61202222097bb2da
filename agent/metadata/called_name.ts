// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the name that a program was called by, where that is a link to a file of another name: one file may be many
 * programs, as those of busybox are, and as Debian's `redis-server` is `redis-check-rdb`.
 *
 * @module
 */

import { fileIdentity, readLink } from "../libbpf/mod.ts";
import { readArguments } from "./script_name.ts";

/** Links to programs are in these, beside the folder of the program itself. */
const FOLDERS = ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"];
/** The kernel keeps so many bytes of a name. */
const COMM_BYTES = 15;
/** A link may lead to a link, as `cc` does to `gcc`; the kernel follows 40. */
const MAX_LINKS = 8;

const encoder = new TextEncoder();

/**
 * Returns what the process in `folder` was called by, where a link of that name leads to its program; "" where that is
 * the file's own name, or none can be told.
 *
 * @param program.exe the file's path, in the process's own root folder
 * @param program.comm the name of the first thread: exec makes it that of the path that it was given, not of where a
 * link leads. Threads rename themselves, so it counts only where there is such a link.
 */
export function calledName(folder: string, { exe, comm }: { exe: string; comm: string }): string {
  const slash = exe.lastIndexOf("/");
  const own = exe.slice(slash + 1);
  const isCut = encoder.encode(comm).length >= COMM_BYTES;
  if (slash < 0 || comm === "" || comm === own || isCut && own.startsWith(comm)) return "";
  const name = isCut ? wholeName(folder, comm) : comm;
  if (name === "" || name === own || name.includes("/")) return "";
  const root = `${folder}/root`;
  const paths = new Set([exe.slice(0, slash), ...FOLDERS].map((each) => `${each}/${name}`));
  for (const path of paths) if (leadsTo(root, path, exe)) return name;
  return "";
}

/** Returns the base name of the first argument, where `comm` is its begin. A title may follow it. */
function wholeName(folder: string, comm: string): string {
  const [title] = (readArguments(folder)[0] ?? "").split(/[\s:]/);
  const name = title!.split("/").at(-1)!;
  return name.startsWith(comm) ? name : "";
}

/** Tells whether `path` is a link, in the end to the file at `exe`. Both are below `root`, and so is what links say. */
function leadsTo(root: string, path: string, exe: string): boolean {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const target = readLink(root + at);
    if (target === undefined) return links > 0 && isSame(root, at, exe);
    at = target.startsWith("/") ? target : `${at.slice(0, at.lastIndexOf("/"))}/${target}`;
  }
  return false;
}

function isSame(root: string, path: string, exe: string): boolean {
  if (path === exe) return true;
  // A folder on the way may be a link itself, as /bin is to /usr/bin.
  const identity = fileIdentity(root + path);
  return identity !== undefined && identity === fileIdentity(root + exe);
}
