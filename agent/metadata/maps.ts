// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the executable mappings out of `/proc/PID/maps` (proc(5)).
 *
 * A browser or a JVM has thousands of lines, most of them of no interest: a line is looked at where its
 * permissions stand, and taken apart only when it is executable.
 *
 * @module
 */

/** One executable mapping. */
export interface Mapping {
  readonly start: number;
  readonly end: number;
  /** Is where `start` is in the file, in bytes. */
  readonly offset: number;
  /** It is as the kernel writes it, so that equal text is the same device: `fe:00`. */
  readonly device: string;
  /** It is 0 when no file is behind it. */
  readonly inode: number;
  /** The file's path in its own mount namespace; or `[vdso]`, `[anon:name]` and the like; "" for none. */
  readonly path: string;
  /** The file has no name any more. */
  readonly deleted: boolean;
  /** It is memory that holds a copy of this part of the file, as for large pages. */
  readonly copied?: true;
}

const DASH = 0x2d;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const EXECUTABLE = 0x78;
const DELETED = " (deleted)";
const decoder = new TextDecoder();

/**
 * Returns the executable mappings in `maps`, in ascending order of address as the kernel lists them.
 *
 * @param limit at most so many
 */
export function executableMappings(maps: Uint8Array, limit = 16_384): Mapping[] {
  const found: Mapping[] = [];
  for (let line = 0, before = 0; line < maps.length && found.length < limit;) {
    const space = maps.indexOf(SPACE, line);
    if (space < 0) break;
    const end = lineEnd(maps, space);
    if (maps[space + 3] === EXECUTABLE) {
      const mapping = parseLine(maps, line, end);
      if (mapping) {
        const copied = mapping.inode === 0
          ? partOfFile(
            mapping,
            parseLine(maps, before, line - 1),
            parseLine(maps, end + 1, lineEnd(maps, end + 1)),
          )
          : undefined;
        found.push(copied ?? mapping);
      }
    }
    before = line;
    line = end + 1;
  }
  return found;
}

/**
 * Takes memory without a file for a part of the file that it stands in the middle of: programs move their own code to
 * large pages so (`node --use-largepages=on`), all of it or what fills such pages.
 */
function partOfFile(
  { start, end }: Mapping,
  before: Mapping | undefined,
  after: Mapping | undefined,
): Mapping | undefined {
  if (!before || !after || before.inode === 0) return undefined;
  const isOneFile = before.inode === after.inode && before.device === after.device &&
    before.path === after.path;
  const isWhole = before.end === start && end === after.start &&
    after.start - before.start === after.offset - before.offset;
  if (!isOneFile || !isWhole) return undefined;
  return { ...before, start, end, offset: before.offset + start - before.start, copied: true };
}

function lineEnd(maps: Uint8Array, from: number): number {
  const end = maps.indexOf(NEWLINE, from);
  return end < 0 ? maps.length : end;
}

/** Returns the mapping that has `address`; `mappings` are in ascending order. */
export function mappingAt(mappings: readonly Mapping[], address: number): Mapping | undefined {
  const index = mappingIndex(mappings, address);
  return index < 0 ? undefined : mappings[index];
}

/** Returns the index of the one that has `address`, -1 where none has; `mappings` are in ascending order. */
export function mappingIndex(mappings: readonly Pick<Mapping, "start" | "end">[], address: number): number {
  let low = 0;
  let high = mappings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (mappings[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  return low > 0 && address < mappings[low - 1]!.end ? low - 1 : -1;
}

/** Returns whether nothing has changed between `a` and `b`. */
export function isSameMapping(a: Mapping, b: Mapping): boolean {
  return a.start === b.start && a.end === b.end && a.offset === b.offset && a.inode === b.inode &&
    a.device === b.device && a.path === b.path && a.deleted === b.deleted && a.copied === b.copied;
}

/** Reads `start-end perms offset device inode path`: the path is all that follows, spaces and all. */
function parseLine(maps: Uint8Array, from: number, to: number): Mapping | undefined {
  const dash = maps.indexOf(DASH, from);
  const space = maps.indexOf(SPACE, from);
  const permissionsEnd = maps.indexOf(SPACE, space + 1);
  if (dash < 0 || dash > space || permissionsEnd < 0 || permissionsEnd >= to) return undefined;
  const part = partOf(maps, permissionsEnd + 1, to);
  if (part === undefined) return undefined;
  const { offset, device, inode, path, deleted } = part;
  return {
    start: hex(maps, from, dash),
    end: hex(maps, dash + 1, space),
    ...{ offset, device, inode, path, deleted },
  };
}

/** Holds what a line says behind the permissions: the same in every process that has this part of the file. */
interface Part extends Pick<Mapping, "offset" | "device" | "inode" | "path" | "deleted"> {
  readonly bytes: Uint8Array;
}

/** Parts are found by a hash of their bytes; the last one that had it. */
const parts = new Map<number, Part>();
const MAX_PARTS = 4096;

/** Reads `offset device inode path`, or takes what was read of equal bytes before, so that texts are there once. */
function partOf(maps: Uint8Array, from: number, to: number): Part | undefined {
  let hash = to - from;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ maps[i]!, 0x01000193);
  const known = parts.get(hash);
  if (known && isEqual(known.bytes, maps, from)) return known;
  const part = parsePart(maps, from, to);
  if (part === undefined) return undefined;
  if (parts.size >= MAX_PARTS) parts.clear();
  parts.set(hash, part);
  return part;
}

function isEqual(bytes: Uint8Array, maps: Uint8Array, from: number): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== maps[from + i]) return false;
  return true;
}

function parsePart(maps: Uint8Array, from: number, to: number): Part | undefined {
  const fields: number[] = [];
  for (let at = from; fields.length < 3;) {
    const space = maps.indexOf(SPACE, at);
    const end = space < 0 || space > to ? to : space;
    fields.push(end);
    if (end === to) break;
    at = end + 1;
  }
  if (fields.length < 3) return undefined;
  let pathAt = fields[2]!;
  while (pathAt < to && maps[pathAt] === SPACE) pathAt++;
  const full = unescapeNewlines(decoder.decode(maps.subarray(pathAt, to)));
  const deleted = full.endsWith(DELETED);
  return {
    // With the newline, so that no other bytes begin with these.
    bytes: maps.slice(from, to + 1),
    offset: hex(maps, from, fields[0]!),
    device: decoder.decode(maps.subarray(fields[0]! + 1, fields[1]!)),
    inode: Number(decoder.decode(maps.subarray(fields[1]! + 1, fields[2]!))),
    path: deleted ? full.slice(0, -DELETED.length) : full,
    deleted,
  };
}

/** The kernel writes a newline in a path as `\012`, and nothing else so. */
function unescapeNewlines(path: string): string {
  return path.includes("\\012") ? path.replaceAll("\\012", "\n") : path;
}

function hex(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const c = bytes[i]!;
    value = value * 16 + (c <= 0x39 ? c - 0x30 : c - 0x57);
  }
  return value;
}
