// SPDX-License-Identifier: Apache-2.0
/**
 * Makes a profile of stacks with tags, for the formats of files.
 *
 * @module
 */

import { ProfileBuilder } from "./builder.ts";
import { OTHER } from "./flame.ts";
import { encodeLabels } from "./labels.ts";
import type { Frame, Profile, Total } from "./model.ts";
import type { AnyKind } from "./profile_type.ts";

/** Is a stack, and what it is worth with these labels. */
export interface TaggedStack {
  /** Is leaf first. */
  readonly frames: readonly Frame[];
  readonly tags: Readonly<Record<string, string>>;
  readonly total: Total;
}

/** Returns the profile of `answer`, with what was cut from it as a stack of one frame; tags are labels of series. */
export function taggedProfile(
  { stacks, other }: { readonly stacks: readonly TaggedStack[]; readonly other: Total },
  kind: AnyKind,
  { shape = (frames) => frames }: { shape?: (frames: readonly Frame[]) => readonly Frame[] } = {},
): Profile {
  const builder = new ProfileBuilder();
  for (const { frames, tags: { process = "", comm = "", ...tags }, total } of stacks) {
    const series = builder.series({ process, comm, labels: encodeLabels(new Map(Object.entries(tags))) });
    const stack = builder.stack(shape(frames).map((frame) => builder.frame(frame)));
    builder.add(kind, series, stack, total.value, total.count);
  }
  if (other.value > 0 || other.count > 0) {
    const frame = { function: OTHER, module: "", file: "", line: 0, buildId: "", address: 0 };
    builder.add(kind, builder.series({}), builder.stack([builder.frame(frame)]), other.value, other.count);
  }
  return builder.build();
}
