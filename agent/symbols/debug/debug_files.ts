// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the symbols of a stripped file, in the search order of gdb and elfutils
 * (https://sourceware.org/gdb/current/onlinedocs/gdb.html/Separate-Debug-Files.html), in the mount namespace
 * of the process and in the agent's own.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { fileIdentity } from "../../libbpf/mod.ts";
import { readElf } from "../../../symbols/elf/elf.ts";
import type { CommonLink } from "../../../symbols/pack.ts";
import { RegularFile } from "../../../symbols/elf/regular_file.ts";
import { verifyDebugFile } from "../../../symbols/elf/verify_debug_file.ts";

const DEBUG_FOLDER = "/usr/lib/debug";
const CHUNK_BYTES = 1 << 20;
/** A debug file without a build id is read whole to prove it; larger ones are not worth that. */
const MAX_CHECKSUM_BYTES = 256 << 20;

export interface StrippedFile {
  /** The path is that in its own mount namespace. */
  readonly path: string;
  readonly buildId: string;
  /** Folders that are taken for `/`, in order. */
  readonly roots: readonly string[];
  /** The path of its debug file, if that was downloaded. */
  readonly downloaded?: string | undefined;
}

/** The section `.gnu_debuglink` says this. */
export interface DebugLink {
  readonly name: string;
  readonly checksum: number;
}

/** Returns the paths to try, most trusted first. */
export function debugFileCandidates(
  { path, buildId, roots, downloaded }: StrippedFile,
  link?: DebugLink,
): string[] {
  const folder = path.slice(0, path.lastIndexOf("/"));
  // A name with a slash could lead anywhere.
  const name = link && !link.name.includes("/") && link.name !== "" ? link.name : undefined;
  const installed = roots.flatMap((root) => [
    ...byBuildId(root, buildId),
    ...(name === undefined ? [] : [
      `${root}${folder}/${name}`,
      `${root}${folder}/.debug/${name}`,
      `${root}${DEBUG_FOLDER}${folder}/${name}`,
    ]),
  ]);
  return downloaded === undefined ? installed : [...installed, downloaded];
}

/**
 * Returns the file that a debug file refers to, by its path and then by its build id, which must agree.
 *
 * @param debugFile the path of the file that has the link
 */
export function findCommonFile(
  debugFile: string,
  link: CommonLink,
  { roots, downloaded }: Pick<StrippedFile, "roots" | "downloaded">,
): string | undefined {
  const { path, buildId } = link;
  if (buildId.length <= 2) return undefined;
  const candidates = path.startsWith("/")
    ? roots.map((root) => root + path)
    : foldersOf(debugFile, roots).map((folder) => `${folder}/${path}`);
  candidates.push(...roots.flatMap((root) => byBuildId(root, buildId)));
  if (downloaded !== undefined) candidates.push(downloaded);
  return candidates.find((candidate) => hasBuildId(candidate, buildId));
}

/** Returns the first candidate that is the file's own: of equal build id, or of the link's checksum without one. */
export function findDebugFile(file: StrippedFile, link?: DebugLink): string | undefined {
  return debugFileCandidates(file, link).find((path) => {
    if (file.buildId !== "") return hasBuildId(path, file.buildId);
    using candidate = RegularFile.open(path);
    return candidate !== undefined && isWhole(candidate) && checksum(candidate) === link?.checksum;
  });
}

function byBuildId(root: string, buildId: string): string[] {
  if (buildId.length <= 2) return [];
  return [`${root}${DEBUG_FOLDER}/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`];
}

/** Returns the folder that names `path`, and that of what it is a link to: distributions link from `.build-id`. */
function foldersOf(path: string, roots: readonly string[]): string[] {
  const folder = path.slice(0, path.lastIndexOf("/"));
  let target: string;
  try {
    target = Deno.readLinkSync(path);
  } catch {
    return [folder];
  }
  const linked = target.slice(0, target.lastIndexOf("/") + 1);
  const root = roots.find((root) => path.startsWith(`${root}/`)) ?? "";
  return [folder, linked.startsWith("/") ? root + linked : `${folder}/${linked}`];
}

function hasBuildId(path: string, buildId: string): boolean {
  // Most candidates are not there, and Deno makes an exception, with a trace, of each that it is to open.
  if (fileIdentity(path) === undefined) return false;
  using file = RegularFile.open(path);
  try {
    return file !== undefined && verifyDebugFile(file, buildId) === undefined;
  } catch {
    return false;
  }
}

function isWhole(file: RegularFile): boolean {
  try {
    return !readElf(file).truncated;
  } catch {
    return false;
  }
}

function checksum(file: RegularFile): number | undefined {
  if (file.size > MAX_CHECKSUM_BYTES) return undefined;
  let sum = 0;
  for (let at = 0; at < file.size; at += CHUNK_BYTES) sum = crc32(file.read(at, CHUNK_BYTES), sum);
  return sum;
}
