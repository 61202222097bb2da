// SPDX-License-Identifier: Apache-2.0
/**
 * The way from a mapping of a process to the file that is mapped.
 *
 * @module
 */

import type { Mapping } from "../metadata/maps.ts";
import type { Process } from "../metadata/processes.ts";
import { addressOf, type ElfInfo } from "../../symbols/elf/elf.ts";
import { RegularFile } from "../../symbols/elf/regular_file.ts";

/** A mapping of the process whose `/proc/PID` is `folder`. */
export interface MappedFile {
  readonly process: Pick<Process, "folder">;
  readonly mapping: Mapping;
}

/** Returns the folders that stand for `/`: the process's root, then the agent's. */
export function rootsOf({ process }: MappedFile): string[] {
  return [`${process.folder}/root`, ""];
}

/**
 * Returns how to reach the file of a mapping: by the mapping itself, which leads to that very file, deleted or
 * in another mount namespace (needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE); else by its path.
 */
export function pathsTo({ process: { folder }, mapping }: MappedFile): string[] {
  const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
  const paths = [`${folder}/map_files/${range}`];
  // Where the process is gone, what is called so here may be the same file.
  if (!mapping.deleted) paths.push(`${folder}/root${mapping.path}`, mapping.path);
  return paths;
}

/** Opens the file of a mapping; `undefined` when it cannot be reached, or another file has its name by now. */
export function openMapped(place: MappedFile): RegularFile | undefined {
  const [mapped, named] = pathsTo(place);
  const file = RegularFile.open(mapped!);
  if (file || named === undefined) return file;
  const other = RegularFile.open(named);
  // By its path it may be another file by now. Overlay and the like (major device number 0) show other
  // inode numbers in maps than in stat, so that there it cannot be told.
  const { inode, device } = place.mapping;
  if (other === undefined || other.inode === inode || device.startsWith("00:")) return other;
  other[Symbol.dispose]();
  return undefined;
}

/**
 * Returns `address`, of the process, as the symbol table of `elf` counts; where no segment has it, its offset in the
 * file.
 */
export function fileAddress(elf: ElfInfo, mapping: Mapping, address: number): number {
  const offset = address - mapping.start + mapping.offset;
  return addressOf(elf.segments, offset) ?? offset;
}
