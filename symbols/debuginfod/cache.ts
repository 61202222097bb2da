// SPDX-License-Identifier: Apache-2.0
/**
 * The folder of downloaded debug files, which gdb, elfutils and all other debuginfod clients of the user share
 * (debuginfod-client-config(7)):
 *
 *     BUILDID/debuginfo        a debug file; an empty one says that no server had it, when it was made
 *     cache_clean_interval_s   seconds between cleanings; touched at each
 *     max_unused_age_s         seconds without an access after which a file goes
 *     cache_miss_s             seconds for which an empty file is believed
 *     aperture_files           Aperture's own: build ids of the files that it put there, one a line
 *
 * @module
 */

import { verifyDebugFile } from "../elf/verify_debug_file.ts";
import { RegularFile } from "../elf/regular_file.ts";

const CLEAN_INTERVAL = { name: "cache_clean_interval_s", seconds: 86_400 };
const MAX_UNUSED_AGE = { name: "max_unused_age_s", seconds: 604_800 };
const CACHE_MISS = { name: "cache_miss_s", seconds: 600 };
const OWN_FILES = "aperture_files";
const MAX_OWN_BYTES = 1 << 20;
const PART_PREFIX = "aperture_part_";
/** A part that is being written changes more often than this. */
const STALE_PART_MS = 600_000;
const FOLDER_NAME = /^[0-9a-f]+$/;
const FILE_NAME = /^(debuginfo|executable|source.*)$/;

export interface DebugFileCacheOptions {
  readonly folder: string;
  /** The most that Aperture's own files may take; those that went unread longest make room. */
  readonly maxBytes: number;
  /** Unix milliseconds. @default {Date.now} */
  readonly clock?: () => number;
}

/** A download that is not complete. */
export interface Part {
  readonly path: string;
  readonly file: Deno.FsFile;
}

/** One such folder. Its files are known by lower-case hex build ids. */
export class DebugFileCache {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #clock: () => number;
  /** Sizes of the files that Aperture put here, by build id. */
  readonly #own = new Map<string, number>();
  /** Whoever changes files waits for who did before. */
  #last: Promise<unknown> = Promise.resolve();
  #nextPart = 1;
  #evicted = 0;

  private constructor({ folder, maxBytes, clock = Date.now }: DebugFileCacheOptions) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  /**
   * Opens the folder, and makes it where it is missing.
   *
   * @throws what the system says when it cannot be made or written to
   */
  static async open(options: DebugFileCacheOptions): Promise<DebugFileCache> {
    const cache = new DebugFileCache(options);
    await Deno.mkdir(options.folder, { recursive: true, mode: 0o700 });
    await cache.#removeStaleParts();
    await cache.#readOwn();
    const { path, file } = await cache.createPart(); // Whether it may be written to.
    file.close();
    await Deno.remove(path);
    return cache;
  }

  /** Returns the size of the files that Aperture put there and that are still there. */
  get bytes(): number {
    return this.#own.values().reduce((sum, size) => sum + size, 0);
  }

  /** Files that went to make room for others, since the start. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Returns where the debug file of `buildId` is, if it is there. */
  pathOf(buildId: string): string {
    return `${this.#folder}/${buildId}/debuginfo`;
  }

  /** Returns `missing` when some client asked not long ago and no server had it. */
  async look(buildId: string): Promise<"found" | "missing" | undefined> {
    const path = this.pathOf(buildId);
    const stat = await Deno.stat(path).catch(() => undefined);
    if (stat?.size === 0) {
      return this.#ageMs(stat.mtime) < await this.missMs() ? "missing" : undefined;
    }
    using file = stat && RegularFile.open(path);
    return file && verifyDebugFile(file, buildId) === undefined ? "found" : undefined;
  }

  /** It is believed for so many ms that no server has a file. */
  async missMs(): Promise<number> {
    return 1000 * await this.#control(CACHE_MISS);
  }

  /** Returns a new file to download to; the caller closes it, and keeps or removes it. */
  async createPart(): Promise<Part> {
    for (;;) {
      const path = `${this.#folder}/${PART_PREFIX}${Deno.pid}_${this.#nextPart++}`;
      try {
        return { path, file: await Deno.open(path, { write: true, createNew: true, mode: 0o600 }) };
      } catch (error) {
        // Of an earlier process of this number, or of one in another pid namespace that is writing it now.
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
    }
  }

  /** Puts a whole file in its place, and removes others of Aperture's where that takes too much. */
  keep(buildId: string, part: string, { size, modified }: { size: number; modified: Date | undefined }) {
    return this.#alone(async () => {
      await this.#makeRoom(size);
      await Deno.mkdir(`${this.#folder}/${buildId}`, { recursive: true, mode: 0o700 });
      await Deno.chmod(part, 0o400);
      if (modified) await Deno.utime(part, new Date(this.#clock()), modified);
      await Deno.rename(part, this.pathOf(buildId));
      this.#own.set(buildId, size);
      await this.#writeOwn();
    });
  }

  /** Notes, for all clients, that no server has the file. */
  markMissing(buildId: string): Promise<void> {
    return this.#alone(async () => {
      await Deno.mkdir(`${this.#folder}/${buildId}`, { recursive: true, mode: 0o700 });
      const path = this.pathOf(buildId);
      const stat = await Deno.stat(path).catch(() => undefined);
      if (stat?.size === 0) await Deno.remove(path);
      else if (stat) return;
      await Deno.writeFile(path, new Uint8Array(), { createNew: true, mode: 0o600 });
    });
  }

  /** Removes what was not read for long, as each client does when it is time to. */
  clean(): Promise<void> {
    return this.#alone(async () => {
      const interval = await this.#control(CLEAN_INTERVAL);
      const mark = `${this.#folder}/${CLEAN_INTERVAL.name}`;
      const stat = await Deno.stat(mark).catch(() => undefined);
      if (stat === undefined) return await Deno.writeTextFile(mark, `${CLEAN_INTERVAL.seconds}`);
      if (this.#ageMs(stat.mtime) < 1000 * interval) return;
      const now = new Date(this.#clock());
      await Deno.utime(mark, now, now);
      const maxAge = 1000 * await this.#control(MAX_UNUSED_AGE);
      for await (const { name, isDirectory } of Deno.readDir(this.#folder)) {
        if (isDirectory && FOLDER_NAME.test(name)) await this.#cleanFolder(name, maxAge);
      }
      await this.#writeOwn();
    });
  }

  async #cleanFolder(buildId: string, maxAge: number): Promise<void> {
    const folder = `${this.#folder}/${buildId}`;
    for await (const { name } of Deno.readDir(folder)) {
      if (!FILE_NAME.test(name)) continue;
      const stat = await Deno.stat(`${folder}/${name}`).catch(() => undefined);
      if (stat === undefined || this.#ageMs(stat.atime) < maxAge) continue;
      await Deno.remove(`${folder}/${name}`).catch(() => undefined);
      if (name === "debuginfo") this.#own.delete(buildId);
    }
    await Deno.remove(folder).catch(() => undefined); // Not empty: some were read.
  }

  async #makeRoom(size: number): Promise<void> {
    if (this.bytes + size <= this.#maxBytes) return;
    const files: { buildId: string; readAt: number }[] = [];
    for (const buildId of [...this.#own.keys()]) {
      const stat = await Deno.stat(this.pathOf(buildId)).catch(() => undefined);
      if (stat) files.push({ buildId, readAt: stat.atime?.getTime() ?? 0 });
      else this.#own.delete(buildId);
    }
    files.sort((a, b) => a.readAt - b.readAt);
    for (const { buildId } of files) {
      if (this.bytes + size <= this.#maxBytes) return;
      await Deno.remove(this.pathOf(buildId)).catch(() => undefined);
      await Deno.remove(`${this.#folder}/${buildId}`).catch(() => undefined); // Not empty: others put files there.
      this.#own.delete(buildId);
      this.#evicted++;
    }
  }

  async #removeStaleParts(): Promise<void> {
    for await (const { name } of Deno.readDir(this.#folder)) {
      if (!name.startsWith(PART_PREFIX)) continue;
      const stat = await Deno.stat(`${this.#folder}/${name}`).catch(() => undefined);
      if (!stat || this.#ageMs(stat.mtime) <= STALE_PART_MS) continue;
      await Deno.remove(`${this.#folder}/${name}`).catch(() => undefined); // Another process was first.
    }
  }

  async #readOwn(): Promise<void> {
    using file = RegularFile.open(`${this.#folder}/${OWN_FILES}`);
    const text = file ? new TextDecoder().decode(file.read(0, MAX_OWN_BYTES)) : "";
    for (const buildId of text.split("\n")) {
      if (!FOLDER_NAME.test(buildId)) continue;
      const stat = await Deno.stat(this.pathOf(buildId)).catch(() => undefined);
      if (stat?.isFile && stat.size > 0) this.#own.set(buildId, stat.size);
    }
  }

  async #writeOwn(): Promise<void> {
    const { path, file } = await this.createPart();
    file.close();
    await Deno.writeTextFile(path, [...this.#own.keys()].map((id) => `${id}\n`).join(""));
    await Deno.rename(path, `${this.#folder}/${OWN_FILES}`);
  }

  async #control({ name, seconds }: { name: string; seconds: number }): Promise<number> {
    const text = await Deno.readTextFile(`${this.#folder}/${name}`).catch(() => "");
    const value = /^\s*(\d{1,12})\s*$/.exec(text)?.[1];
    return value === undefined ? seconds : Number(value);
  }

  #ageMs(time: Date | null): number {
    return this.#clock() - (time?.getTime() ?? 0);
  }

  #alone<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
