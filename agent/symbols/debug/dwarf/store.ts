// SPDX-License-Identifier: Apache-2.0
/**
 * The debug information that is open: files within a budget of bytes, the one that was asked longest ago goes first.
 *
 * @module
 */

import { DebugInfo, type Dwarf, type SourceFrame } from "../../../../symbols/libdw/dwarf.ts";
import { RegularFile } from "../../../../symbols/elf/regular_file.ts";
import { packDebugInfo, type Packed } from "../../../../symbols/pack.ts";
import type { DebugFile, DebugInfoPlace, ReaderStats, Refusal } from "./protocol.ts";

interface Entry {
  /** The files that it is of. */
  readonly identity: string;
  readonly info: DebugInfo;
  /** The size of the image, with what libelf unpacks. */
  readonly imageBytes: number;
}

/** Answers from files that it opens and closes by itself. */
export class DebugStore implements Disposable {
  readonly #dwarf: Dwarf;
  readonly #limit: number;
  readonly #open = new Map<string, Entry>();

  /** @param limit in bytes, of all files together */
  constructor(dwarf: Dwarf, limit: number) {
    this.#dwarf = dwarf;
    this.#limit = limit;
  }

  [Symbol.dispose](): void {
    for (const { info } of this.#open.values()) info[Symbol.dispose]();
    this.#open.clear();
  }

  get stats(): ReaderStats {
    let bytes = 0;
    for (const entry of this.#open.values()) bytes += bytesOf(entry);
    return { files: this.#open.size, bytes };
  }

  /** Returns the functions at each of `addresses`, or why there are none. */
  frames(key: string, place: DebugInfoPlace, addresses: readonly number[]): Refusal | SourceFrame[][] {
    const entry = this.#get(key, place) ?? this.#read(place);
    if (typeof entry === "string") return entry;
    this.#open.delete(key);
    this.#open.set(key, entry); // The map's order is that of the last question.
    const frames = addresses.map((address) => entry.info.frames(address - place.bias));
    this.#makeRoom({ newest: key });
    return frames;
  }

  /** Returns what is open by `key`, unless more of it is at hand by now. */
  #get(key: string, place: DebugInfoPlace): Entry | undefined {
    const entry = this.#open.get(key);
    if (entry === undefined || entry.identity === identityOf(place)) return entry;
    entry.info[Symbol.dispose]();
    this.#open.delete(key);
    return undefined;
  }

  #read(place: DebugInfoPlace): Refusal | Entry {
    const makeRoom = (bytes: number) => this.#makeRoom({ for: bytes });
    const main = readPacked(place, { limit: this.#limit, makeRoom });
    if (typeof main === "string") return main;
    const common = place.common && readPacked(place.common, {
      limit: this.#limit - main.bytes,
      makeRoom: (bytes) => makeRoom(main.bytes + bytes),
    });
    if (common === "unreadable") return common;
    // Without it the lines and the outermost functions are still known.
    const alternative = common === "too large" ? undefined : common;
    const imageBytes = main.bytes + (alternative?.bytes ?? 0);
    try {
      const info = new DebugInfo(this.#dwarf, main.image, { alternative: alternative?.image });
      return { identity: identityOf(place), info, imageBytes };
    } catch {
      return "unreadable";
    }
  }

  /** Closes what was asked longest ago until what is open, and what will be, is within the limit. */
  #makeRoom({ newest, for: more = 0 }: { newest?: string; for?: number }): void {
    let bytes = this.stats.bytes + more;
    for (const [key, entry] of this.#open) {
      if (bytes <= this.#limit) return;
      // The newest goes too if it alone is too much: it is read again when it is asked again.
      if (key === newest && this.#open.size > 1) continue;
      bytes -= bytesOf(entry);
      entry.info[Symbol.dispose]();
      this.#open.delete(key);
    }
  }
}

function bytesOf({ info, imageBytes }: Entry): number {
  return imageBytes + info.bytes;
}

function identityOf({ identity, common }: DebugInfoPlace): string {
  return common ? `${identity} ${common.identity}` : identity;
}

function readPacked(
  { path, identity }: DebugFile,
  { limit, makeRoom }: { limit: number; makeRoom: (bytes: number) => void },
): Refusal | Packed {
  using file = RegularFile.open(path);
  if (file?.identity !== identity) return "unreadable";
  if (file.size > 64 * limit) return "too large";
  return packDebugInfo(file, limit, { makeRoom }) ?? "too large";
}
