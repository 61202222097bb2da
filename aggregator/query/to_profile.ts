/**
 * Rows of stacks → a profile.
 *
 * @module
 */

import {
  type Frame,
  type Kind,
  KIND_NUMBER,
  NO_HOLDS,
  NO_LOCKS,
  NO_SYSCALLS,
  type Profile,
} from "../../profile/model.ts";
import { MISSING_FRAME } from "./content.ts";

/** One stack of one thread name; 64-bit numbers are decimal text. */
export interface StackRow {
  readonly comm: string;
  readonly stack: string;
  readonly value: string;
  readonly count: string;
}

/** What hashes stand for. */
export interface Content {
  /** Hashes of frames, leaf first, by the stack's hash. */
  readonly stacks: ReadonlyMap<string, readonly string[]>;
  readonly frames: ReadonlyMap<string, Frame>;
}

/** Numbers keys in the order in which they are first seen. */
class Numbering<K> {
  readonly #numbers = new Map<K, number>();

  of(key: K): number {
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, number = this.#numbers.size);
    return number;
  }

  get keys(): K[] {
    return [...this.#numbers.keys()];
  }
}

/**
 * One sample for each of `rows`, which differ in (thread name, stack).
 *
 * Hashes are the identity of what they name, so nothing is compared by content but strings.
 */
export function toProfile(kind: Kind, rows: readonly StackRow[], { stacks, frames }: Content): Profile {
  const strings = new Numbering<string>();
  strings.of("");
  const comms = new Numbering<string>();
  const stackHashes = new Numbering<string>();
  const frameHashes = new Numbering<string>();
  const samples = {
    kind: new Uint8Array(rows.length).fill(KIND_NUMBER[kind]),
    series: Uint32Array.from(rows, ({ comm }) => comms.of(comm)),
    stack: Uint32Array.from(rows, ({ stack }) => stackHashes.of(stack)),
    value: Float64Array.from(rows, ({ value }) => Number(value)),
    count: Float64Array.from(rows, ({ count }) => Number(count)),
  };
  const offset = [0];
  const frame: number[] = [];
  for (const hash of stackHashes.keys) {
    for (const each of stacks.get(hash) ?? [""]) frame.push(frameHashes.of(each));
    offset.push(frame.length);
  }
  const frameRows = frameHashes.keys.map((hash) => frames.get(hash) ?? MISSING_FRAME);
  const text = (column: "function" | "module" | "file" | "buildId") =>
    Uint32Array.from(frameRows, (row) => strings.of(row[column]));
  const none = new Uint32Array(comms.keys.length);
  return {
    frames: {
      function: text("function"),
      module: text("module"),
      file: text("file"),
      line: Uint32Array.from(frameRows, ({ line }) => line),
      buildId: text("buildId"),
      address: Float64Array.from(frameRows, ({ address }) => address),
    },
    stacks: { offset: Uint32Array.from(offset), frame: Uint32Array.from(frame) },
    series: {
      pid: none,
      comm: Uint32Array.from(comms.keys, (comm) => strings.of(comm)),
      exe: none,
      container: none,
      pod: none,
      namespace: none,
      service: none,
      labels: none,
    },
    samples,
    locks: NO_LOCKS,
    holds: NO_HOLDS,
    syscalls: NO_SYSCALLS,
    strings: strings.keys,
  };
}
