// SPDX-License-Identifier: Apache-2.0
/**
 * Makes frames of OTLP's stacks.
 *
 * An address of native code is that in its file; together with the build id it is the very one that our agents send, so
 * that names which they know stand for it, too. What is interpreted has a line in place of an address.
 *
 * @module
 */

import { type Frame, KERNEL_MODULE, RANK, UNKNOWN_MODULE } from "../../../profile/model.ts";
import { ForeignError } from "../intake/windows.ts";
import type { OtlpDictionary, OtlpLocation, OtlpMapping } from "./model.ts";

/** A stack of storage has so many frames; what is beyond is cut at its leaf. */
const MAX_FRAMES = 1024;
const NAME_LENGTH = 16_384;
/** Begins the names of attributes of mappings that identify a file. */
const BUILD_ID = "process.executable.build_id.";
/** Names who makes frames with addresses in files. */
const NATIVE = new Set(["", "native", "go"]);

/** Makes frames, once of each stack. */
export class OtlpFrames {
  readonly #dictionary: OtlpDictionary;
  readonly #stacks = new Map<number, readonly Frame[]>();
  readonly #locations = new Map<number, readonly Frame[]>();

  constructor(dictionary: OtlpDictionary) {
    this.#dictionary = dictionary;
  }

  /** Returns the frames of a stack, the leaf first. @throws {ForeignError} when it refers to what is not there */
  of(stack: number): readonly Frame[] {
    let frames = this.#stacks.get(stack);
    if (!frames) {
      const { stacks } = this.#dictionary;
      // Where there is no table, 0 is the stack of nothing.
      const indexes = at(stacks, stack, "stacks") ?? [];
      frames = indexes.flatMap((index) => this.#location(index)).slice(-MAX_FRAMES);
      this.#stacks.set(stack, frames);
    }
    return frames;
  }

  #location(index: number): readonly Frame[] {
    let frames = this.#locations.get(index);
    if (!frames) {
      const location = at(this.#dictionary.locations, index, "locations");
      this.#locations.set(index, frames = location ? this.#frames(location) : []);
    }
    return frames;
  }

  #frames(location: OtlpLocation): Frame[] {
    const { mapping: index, address, lines } = location;
    const mapping = index === 0 ? undefined : at(this.#dictionary.mappings, index, "mappings");
    const type = this.#attribute(location.attributes, "profile.frame.type");
    const file = mapping ? this.#string(mapping.file).slice(0, NAME_LENGTH) : "";
    if (type === "abort-marker") {
      const why = lines[0] ? this.#function(lines[0].function).name : "";
      return [frame(`[unwind stopped${why && `: ${why}`}]`, UNKNOWN_MODULE)];
    }
    const module = type === "kernel" ? kernelModule(file) : file;
    if (lines.length > 0) {
      return lines.map(({ function: of, line }, i) => {
        const { name, file, startLine } = this.#function(of);
        const place = {
          file,
          line: line < 2 ** 31 ? line : 0,
          startLine: startLine < 2 ** 31 ? startLine : 0,
        };
        return { ...frame(name || "[unknown]", module), ...place, inlined: i < lines.length - 1 };
      });
    }
    const shown = module.slice(module.lastIndexOf("/") + 1) || "[unknown]";
    if (!NATIVE.has(type) || address > Number.MAX_SAFE_INTEGER) return [frame(shown, module)];
    const buildId = mapping ? this.#buildId(mapping) : "";
    return [{ ...frame(`${shown}+0x${address.toString(16)}`, module), buildId, address, rank: RANK.none }];
  }

  #function(index: number): { name: string; file: string; startLine: number } {
    const found = index === 0 && this.#dictionary.functions.length === 0
      ? undefined
      : at(this.#dictionary.functions, index, "functions");
    if (!found) return { name: "", file: "", startLine: 0 };
    return {
      name: (this.#string(found.name) || this.#string(found.systemName)).slice(-NAME_LENGTH),
      file: this.#string(found.file).slice(-NAME_LENGTH),
      startLine: found.startLine,
    };
  }

  #buildId({ attributes }: OtlpMapping): string {
    for (const  of of["gnu", "go", "htlhash"]) {
      const id = this.#attribute(attributes, BUILD_ID + of);
      if (id !== "") return (of === "htlhash" ? `htl:${id}` : id).slice(0, NAME_LENGTH);
    }
    return "";
  }

  #attribute(indexes: readonly number[], name: string): string {
    for (const index of indexes) {
      const attribute = index === 0 ? undefined : at(this.#dictionary.attributes, index, "attributes");
      if (!attribute) continue;
      const { key, value } = attribute;
      if ((typeof key === "object" ? this.#string(key.index) : key) !== name) continue;
      return typeof value === "object" ? this.#string(value.index) : value ?? "";
    }
    return "";
  }

  #string(index: number): string {
    return index === 0 ? "" : at(this.#dictionary.strings, index, "strings")!;
  }
}

function frame(name: string, module: string): Frame {
  return { function: name, module, file: "", line: 0, buildId: "", address: 0 };
}

function kernelModule(file: string): string {
  const name = file.slice(file.lastIndexOf("/") + 1).replace(/\.ko(\.\w+)?$/, "").replaceAll(/[[\]]/g, "");
  return name === "" || /^(vmlinux|kernel|guest\.kernel)/.test(name) ? KERNEL_MODULE : `[${name}]`;
}

/** Returns what `index` is of; `undefined` for 0 in an empty table. @throws {ForeignError} beyond its end */
function at<T>(table: readonly T[], index: number, name: string): T | undefined {
  const found = table[index];
  if (found === undefined && !(index === 0 && table.length === 0)) {
    throw new ForeignError(
      `Cannot take a profile as it refers to what is not in the table of ${name}: ${index}`,
    );
  }
  return found;
}
