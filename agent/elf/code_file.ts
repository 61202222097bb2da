// SPDX-License-Identifier: Apache-2.0
/**
 * A file that code is mapped from, as the whole agent knows it.
 *
 * @module
 */

import type { Mapping } from "../metadata/maps.ts";
import { addressOf, type ElfInfo } from "../../symbols/elf/elf.ts";
import { type MappedFile, pathsTo } from "./mapped_file.ts";
import { RegularFile } from "../../symbols/elf/regular_file.ts";

/** A mapping of a file, with the {@linkcode RegularFile.identity} that the file had when it was identified. */
export interface FilePlace extends MappedFile {
  readonly identity: string;
}

/** A program or library. Equal files, by their build id, are one, wherever they are. */
export interface CodeFile {
  /**
   * The number of the file in the kernel and in frame addresses, from 1 to 2¹⁷ - 1; 0 where none was free. It is
   * another file's once nothing refers to this one any more.
   */
  readonly id: number;
  /** A number that no other file has for as long as the agent runs. */
  readonly serial: number;
  /** The text that tells files apart, see {@linkcode fileKey}. */
  readonly key: string;
  /** The path that the first process had it by, in its own mount namespace; or `[vdso]`. */
  readonly path: string;
  /** The last part of the path. */
  readonly name: string;
  readonly elf: ElfInfo;
  /** The mappings by which it can be read, the latest last. */
  readonly places: readonly FilePlace[];
  /** The registry has given it up: whoever maps it next gets another object, and another id. */
  readonly retired: boolean;
}

/** A file that is open until the generator goes on, by the path that led to it. */
export interface OpenCopy {
  readonly file: RegularFile;
  readonly path: string;
  readonly place: FilePlace;
}

/**
 * Returns a text that is equal for files that are one: those of the same build id and segments. A file without a build
 * id, or one that is cut off, is only equal to itself, by its `identity`, see {@linkcode RegularFile}.
 */
export function fileKey({ buildId, segments, truncated }: ElfInfo, identity: string): string {
  const shape = segments.map(({ offset, address, fileSize }) => `${offset},${address},${fileSize}`);
  return buildId === "" || truncated ? identity : `${buildId}:${shape}`;
}

/** Tells whether a file's key names what is in it for ever: one without a build id is told by where it is. */
export function hasLastingKey({ elf: { buildId, truncated } }: Pick<CodeFile, "elf">): boolean {
  return buildId !== "" && !truncated;
}

/**
 * Returns what to take from an address in the mapping to get that of the file's program headers; `undefined` where no
 * segment has the mapping.
 */
export function biasOf({ elf }: CodeFile, mapping: Mapping): number | undefined {
  const address = addressOf(elf.segments, mapping.offset);
  return address === undefined ? undefined : mapping.start - address;
}

/**
 * Opens the copies of a file that still can be reached, those first whose process had it mapped last. Another file that
 * has the name or the mapping by now is passed over.
 */
export function* openCopies({ places }: CodeFile): Generator<OpenCopy> {
  for (const place of places.toReversed()) {
    for (const path of pathsTo(place)) {
      using file = RegularFile.open(path);
      if (file?.identity === place.identity) yield { file, path, place };
    }
  }
}
