// SPDX-License-Identifier: Apache-2.0
/**
 * Groups the frames of stacks to locations: a frame with those that are inlined in it is one.
 *
 * @module
 */

import { type Profile, stackCount } from "../../profile/model.ts";

/** Holds the locations of a profile, each once, and its stacks in terms of them. */
export interface Locations {
  /** The frames of location `i` are `frame[offset[i]]` (the innermost) to `frame[offset[i + 1] - 1]`. */
  readonly offset: Uint32Array;
  readonly frame: Uint32Array;
  /** Is 1 for code of a file with a build id, which the address in it tells; 0 for what only its content tells. */
  readonly native: Uint8Array;
  /** Is the lowest rank of its frames. */
  readonly rank: Uint8Array;
  /** Stack `i` is `location[offset[i]]` (the leaf) to `location[offset[i + 1] - 1]` (the root). */
  readonly stacks: { readonly offset: Uint32Array; readonly location: Uint32Array };
}

/**
 * Finds the locations of `profile`. An inlined frame and the one that follows it in the stack are one location only
 * where both are at the same address of the same file. A chain that is torn (by an interpreter's frames that stand for
 * native ones) is told by its content, as its names are not all of them that the address has.
 */
export function locationsOf(profile: Profile): Locations {
  const { frames, stacks } = profile;
  const grouping = new Grouping(profile);
  const offset = new Uint32Array(stacks.offset.length);
  const location = new Uint32Array(stacks.frame.length);
  let at = 0;
  for (let stack = 0; stack < stackCount(profile); stack++) {
    const end = stacks.offset[stack + 1]!;
    for (let first = stacks.offset[stack]!; first < end;) {
      let last = first;
      while (last + 1 < end && isInlinedIn(frames, stacks.frame[last]!, stacks.frame[last + 1]!)) last++;
      location[at++] = grouping.of(first, last + 1);
      first = last + 1;
    }
    offset[stack + 1] = at;
  }
  return { ...grouping.finish(), stacks: { offset, location: location.slice(0, at) } };
}

function isInlinedIn(frames: Profile["frames"], inner: number, outer: number): boolean {
  return frames.inlined[inner] === 1 && frames.module[inner] === frames.module[outer] &&
    frames.buildId[inner] === frames.buildId[outer] && frames.address[inner] === frames.address[outer];
}

/** Numbers chains of frames, which are parts of the stacks' column. */
class Grouping {
  readonly #profile: Profile;
  /** Holds, for chains of one frame, by that, the location and 1. */
  readonly #single: Uint32Array;
  /** Numbers the begins of longer chains from 1 on: by that of all frames but the last, and the last. */
  readonly #begins = new Map<number, number>();
  /** Holds locations by the numbers of whole chains in `#begins`. */
  readonly #several = new Map<number, number>();
  readonly #offset = [0];
  readonly #frame: number[] = [];

  constructor(profile: Profile) {
    this.#profile = profile;
    this.#single = new Uint32Array(profile.frames.line.length);
  }

  /** Returns the location of the frames from `first` to `end - 1`. */
  of(first: number, end: number): number {
    const { frame } = this.#profile.stacks;
    if (end === first + 1) {
      const row = frame[first]!;
      const known = this.#single[row]!;
      if (known > 0) return known - 1;
      const added = this.#add(first, end);
      this.#single[row] = added + 1;
      return added;
    }
    let begin = 0;
    for (let i = first; i < end; i++) {
      // It is exact: there are at most 2^20 frames, and no more begins than bytes in a message.
      const key = begin * this.#single.length + frame[i]!;
      let next = this.#begins.get(key);
      if (next === undefined) this.#begins.set(key, next = this.#begins.size + 1);
      begin = next;
    }
    let location = this.#several.get(begin);
    if (location === undefined) this.#several.set(begin, location = this.#add(first, end));
    return location;
  }

  finish(): Omit<Locations, "stacks"> {
    const offset = Uint32Array.from(this.#offset);
    const frame = Uint32Array.from(this.#frame);
    const count = offset.length - 1;
    const { frames, strings } = this.#profile;
    const native = new Uint8Array(count);
    const rank = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const outermost = frame[offset[i + 1]! - 1]!;
      const isFile = !strings[frames.module[outermost]!]!.startsWith("[") && frames.buildId[outermost] !== 0;
      native[i] = isFile && frames.inlined[outermost] === 0 ? 1 : 0;
      let lowest = 3;
      for (let f = offset[i]!; f < offset[i + 1]!; f++) lowest = Math.min(lowest, frames.rank[frame[f]!]!);
      rank[i] = lowest;
    }
    return { offset, frame, native, rank };
  }

  #add(first: number, end: number): number {
    const { frame } = this.#profile.stacks;
    for (let i = first; i < end; i++) this.#frame.push(frame[i]!);
    return this.#offset.push(this.#frame.length) - 2;
  }
}
