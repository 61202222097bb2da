// SPDX-License-Identifier: Apache-2.0
/**
 * Gives each place of a profile one shape. What a location is called may become known while a profile is recorded: its
 * earlier samples then have the name of the symbol table, and its later ones inlined functions and lines. Storage keeps
 * names beside stacks, so that this is of profiles that go into a file.
 *
 * @module
 */

import { ProfileBuilder } from "./builder.ts";
import { type Profile, stackCount } from "./model.ts";

/** The frames of one location, the innermost first, as rows. */
interface Shape {
  readonly frames: readonly number[];
  readonly rank: number;
}

/** Returns the profile with the best names of each location that it has for it; totals are the same. */
export function oneShape(profile: Profile): Profile {
  const { stacks } = profile;
  const best = new Map<string, Shape>();
  let differs = false;
  for (let stack = 0; stack < stackCount(profile); stack++) {
    for (const { key, shape } of shapes(profile, stack)) {
      if (key === undefined) continue;
      const known = best.get(key);
      if (known === undefined || shape.rank > known.rank) best.set(key, shape);
      differs ||= known !== undefined && known.rank !== shape.rank;
    }
  }
  if (!differs) return profile;
  const offset = [0];
  const frame: number[] = [];
  for (let stack = 0; stack < stackCount(profile); stack++) {
    for (const { key, shape } of shapes(profile, stack)) {
      const { frames } = key === undefined ? shape : best.get(key)!;
      for (const row of frames) frame.push(row);
    }
    offset.push(frame.length);
  }
  const builder = new ProfileBuilder();
  // Stacks that have become equal are one.
  builder.merge({
    ...profile,
    stacks: { ...stacks, offset: Uint32Array.from(offset), frame: Uint32Array.from(frame) },
  });
  return builder.build();
}

/** Yields the locations of a stack, leaf first; what is no place in a file has no key. */
function* shapes(
  { frames, stacks }: Profile,
  stack: number,
): Generator<{ key: string | undefined; shape: Shape }> {
  const end = stacks.offset[stack + 1]!;
  for (let from = stacks.offset[stack]!; from < end;) {
    const first = stacks.frame[from]!;
    let to = from;
    while (to + 1 < end && frames.inlined[stacks.frame[to]!] === 1) to++;
    const rows = Array.from(stacks.frame.subarray(from, ++to));
    const { buildId, module, address, rank } = frames;
    const key = address[first] === 0 ? undefined : `${buildId[first]} ${module[first]} ${address[first]}`;
    yield { key, shape: { frames: rows, rank: rank[rows.at(-1)!]! } };
    from = to;
  }
}
