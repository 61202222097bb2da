/**
 * The debug information that is open: files within a budget of bytes, the one that was asked longest ago goes first.
 *
 * @module
 */

import { readElf } from "../elf.ts";
import { DebugInfo, type Dwarf, type SourceFrame } from "../libdw/dwarf.ts";
import { RegularFile } from "../regular_file.ts";
import { packDebugInfo, type Packed } from "./pack.ts";
import type { DebugPlace, Refusal, WorkerStats } from "./protocol.ts";

interface Entry {
  readonly info: DebugInfo;
  /** Of the image, with what libelf unpacks. */
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

  get stats(): WorkerStats {
    let bytes = 0;
    for (const entry of this.#open.values()) bytes += bytesOf(entry);
    return { files: this.#open.size, bytes };
  }

  /** The functions at each of `addresses`, or why there are none. */
  frames(key: string, place: DebugPlace, addresses: readonly number[]): Refusal | SourceFrame[][] {
    const entry = this.#open.get(key) ?? this.#read(place);
    if (typeof entry === "string") return entry;
    this.#open.delete(key);
    this.#open.set(key, entry); // The map's order is that of the last question.
    const frames = addresses.map((address) => entry.info.frames(address - place.bias));
    this.#makeRoom(key);
    return frames;
  }

  #read(place: DebugPlace): Refusal | Entry {
    using file = RegularFile.open(place.path);
    if (file?.identity !== place.identity) return "unreadable";
    if (file.size > 64 * this.#limit) return "too large";
    const main = packDebugInfo(file, this.#limit);
    if (main === undefined) return "too large";
    const common = main.alternative &&
      findAlternative(main.alternative, place.roots, this.#limit - main.bytes);
    const imageBytes = main.bytes + (common?.bytes ?? 0);
    try {
      const info = new DebugInfo(this.#dwarf, main.image, { alternative: common?.image });
      return { info, imageBytes };
    } catch {
      return "unreadable";
    }
  }

  #makeRoom(newest: string): void {
    let bytes = this.stats.bytes;
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

/** The file that dwz made, by its path and then by its build id, which must agree. */
function findAlternative(
  { path, buildId }: NonNullable<Packed["alternative"]>,
  roots: readonly string[],
  limit: number,
): Packed | undefined {
  if (buildId.length < 3) return undefined;
  const byId = `/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`;
  for (const root of roots) {
    for (const candidate of path.startsWith("/") ? [path, byId] : [byId]) {
      using file = RegularFile.open(root + candidate);
      try {
        if (file && readElf(file).buildId === buildId) return packDebugInfo(file, limit);
      } catch {
        // Not ELF: the next one may be.
      }
    }
  }
  return undefined;
}
