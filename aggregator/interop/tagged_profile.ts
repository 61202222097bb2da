// SPDX-License-Identifier: Apache-2.0
/**
 * Makes a profile of stacks with tags, for the formats of files.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import { OTHER } from "../../profile/flame.ts";
import { encodeLabels } from "../../profile/labels.ts";
import type { Frame, Profile } from "../../profile/model.ts";
import type { AnyKind } from "../../profile/profile_type.ts";
import type { TaggedStacksAnswer } from "../query/types.ts";

/** Returns the profile of `answer`, with what was cut from it as a stack of one frame; tags are labels of series. */
export function taggedProfile(
  { stacks, other }: Pick<TaggedStacksAnswer, "stacks" | "other">,
  kind: AnyKind,
  { shape = (frames) => frames }: { shape?: (frames: readonly Frame[]) => readonly Frame[] } = {},
): Profile {
  const builder = new ProfileBuilder();
  for (const { frames, tags: { comm = "", ...tags }, total } of stacks) {
    const series = builder.series({ comm, labels: encodeLabels(new Map(Object.entries(tags))) });
    const stack = builder.stack(shape(frames).map((frame) => builder.frame(frame)));
    builder.add(kind, series, stack, total.value, total.count);
  }
  if (other.value > 0 || other.count > 0) {
    const frame = { function: OTHER, module: "", file: "", line: 0, buildId: "", address: 0 };
    builder.add(kind, builder.series({}), builder.stack([builder.frame(frame)]), other.value, other.count);
  }
  return builder.build();
}
