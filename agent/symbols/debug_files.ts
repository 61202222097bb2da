/**
 * Where the symbols of a stripped file may lie: the search order of gdb and elfutils
 * (https://sourceware.org/gdb/current/onlinedocs/gdb.html/Separate-Debug-Files.html), in the mount namespace
 * of the process and in the agent's own.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { readElf } from "./elf.ts";
import { RegularFile } from "./regular_file.ts";

const DEBUG_FOLDER = "/usr/lib/debug";
const CHUNK_BYTES = 1 << 20;
/** A debug file without a build id is read whole to prove it; larger ones are not worth that. */
const MAX_CHECKSUM_BYTES = 256 << 20;

export interface StrippedFile {
  /** In its own mount namespace. */
  readonly path: string;
  readonly buildId: string;
  /** Folders that are taken for `/`, in order. */
  readonly roots: readonly string[];
}

/** What `.gnu_debuglink` says. */
export interface DebugLink {
  readonly name: string;
  readonly checksum: number;
}

/** Paths to try, most trusted first. */
export function debugFileCandidates({ path, buildId, roots }: StrippedFile, link?: DebugLink): string[] {
  const folder = path.slice(0, path.lastIndexOf("/"));
  // A name with a slash could lead anywhere.
  const name = link && !link.name.includes("/") && link.name !== "" ? link.name : undefined;
  return roots.flatMap((root) => [
    ...(buildId.length > 2
      ? [`${root}${DEBUG_FOLDER}/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`]
      : []),
    ...(name === undefined ? [] : [
      `${root}${folder}/${name}`,
      `${root}${folder}/.debug/${name}`,
      `${root}${DEBUG_FOLDER}${folder}/${name}`,
    ]),
  ]);
}

/** The first candidate that is the file's own: of equal build id, or of the link's checksum without one. */
export function findDebugFile(file: StrippedFile, link?: DebugLink): string | undefined {
  return debugFileCandidates(file, link).find((path) => {
    using candidate = RegularFile.open(path);
    if (candidate === undefined || candidate.size === 0) return false;
    try {
      const { buildId, truncated } = readElf(candidate);
      if (truncated) return false;
      return file.buildId !== "" ? buildId === file.buildId : checksum(candidate) === link?.checksum;
    } catch {
      return false;
    }
  });
}

function checksum(file: RegularFile): number | undefined {
  if (file.size > MAX_CHECKSUM_BYTES) return undefined;
  let sum = 0;
  for (let at = 0; at < file.size; at += CHUNK_BYTES) sum = crc32(file.read(at, CHUNK_BYTES), sum);
  return sum;
}
