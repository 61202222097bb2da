// SPDX-License-Identifier: Apache-2.0
/**
 * The unwind information of files, while tables are compiled of it, and from one turn of a file to the next.
 *
 * A large file has many turns, of some pages each, and to find its parts anew for each would cost more than the pages do:
 * where functions begin is read out of tables of megabytes. Files are open only while something of them is compiled.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { LRUCache } from "lru-cache";
import { type CodeFile, openCopies } from "../elf/code_file.ts";
import { CodeSource } from "../elf/code_source.ts";
import { readVdsoImage, VDSO } from "../elf/vdso_image.ts";
import { type ByteSource, memorySource } from "../../symbols/elf/byte_source.ts";
import { ElfError } from "../../symbols/elf/elf.ts";
import { RegularFile } from "../../symbols/elf/regular_file.ts";
import { debugLink } from "../../symbols/pack.ts";
import type { Debuginfod } from "../../symbols/debuginfod/debuginfod.ts";
import { rootsOf } from "../elf/mapped_file.ts";
import { findDebugFile } from "../symbols/debug/debug_files.ts";
import { type DebugFramesOf, UnwindInfo } from "./compile.ts";
import { DebugFrames } from "./debug_frames.ts";

const logger = getLogger(["aperture", "unwind"]);

/** Knows where debug files are that were downloaded. */
export type Downloads = Pick<Debuginfod, "pathOf">;

/** So many files are kept; each may have some megabytes of where its functions begin. */
const MAX_KEPT = 4;

/** Is open until it is disposed of. */
export interface OpenInfo extends Disposable {
  /** It is `undefined` of a file that is damaged, or of another machine. */
  readonly info: UnwindInfo | undefined;
  /** Keeps what was found of the file for its next turn. */
  keep(): void;
}

interface Kept {
  readonly info: UnwindInfo | undefined;
  readonly source: CodeSource;
}

/** Opens the unwind information of files. */
export class UnwindInfos {
  readonly #downloads: Downloads | undefined;
  /** They are found by {@linkcode CodeFile.serial}. */
  readonly #kept = new LRUCache<number, Kept>({ max: MAX_KEPT });

  /** @param downloads knows debug files that are in no process's folders @default none */
  constructor(downloads?: Downloads) {
    this.#downloads = downloads;
  }

  /** Opens that of a file; `undefined` where it cannot be reached, now or any more. */
  open(file: CodeFile): OpenInfo | undefined {
    if (file.path === VDSO) {
      const image = readVdsoImage();
      return image && { info: infoOf(memorySource(image), file), keep() {}, [Symbol.dispose]() {} };
    }
    const known = this.#kept.get(file.serial);
    const source = known?.source ?? new CodeSource(file);
    if (!source.open()) return undefined;
    using undo = new DisposableStack();
    undo.use(source);
    const info = known ? known.info : infoOf(source, file, (program) => this.#debugFrames(file, program));
    undo.move();
    return {
      info,
      keep: () => void this.#kept.set(file.serial, { info, source }),
      [Symbol.dispose]: () => source[Symbol.dispose](),
    };
  }

  /**
   * Returns a text that is the same as long as the file's separate debug file is, which may tell of code that the file
   * tells nothing of; "" where none is found.
   */
  debugIdentity(file: CodeFile): string {
    using debug = this.#openDebugFile(file);
    return debug?.identity ?? "";
  }

  /** Reads what the file's own debug file has; without a build id that could only be told by reading all of it. */
  async #debugFrames(
    file: CodeFile,
    { elf: program, code }: Parameters<DebugFramesOf>[0],
  ): ReturnType<DebugFramesOf> {
    using debug = this.#openDebugFile(file);
    return debug && await DebugFrames.read(debug, { program, code });
  }

  #openDebugFile(file: CodeFile): RegularFile | undefined {
    const { path, elf: { buildId } } = file;
    if (buildId === "") return undefined;
    const downloaded = this.#downloads?.pathOf(buildId);
    for (const { file: copy, place } of openCopies(file)) {
      const found = findDebugFile({ path, buildId, roots: rootsOf(place), downloaded }, debugLink(copy));
      const debug = found === undefined ? undefined : RegularFile.open(found);
      if (debug) return debug;
    }
    return undefined;
  }
}

function infoOf(
  source: ByteSource,
  { path }: CodeFile,
  debugFrames?: DebugFramesOf,
): UnwindInfo | undefined {
  try {
    return new UnwindInfo(source, debugFrames);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    logger.debug("No unwind table of {path}: {error}", { path, error });
    return undefined;
  }
}
