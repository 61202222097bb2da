import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { anyProfile } from "../tests/support/profiles.ts";
import { frameAt, type Profile, seriesAt, stackCount } from "./model.ts";
import { sliceProfile } from "./slice.ts";

function rows(profile: Profile): unknown[] {
  const { samples, stacks } = profile;
  return Array.from(samples.kind, (kind, i) => {
    const stack = samples.stack[i]!;
    const frames = stacks.frame.subarray(stacks.offset[stack], stacks.offset[stack + 1]);
    return [
      kind,
      seriesAt(profile, samples.series[i]!),
      Array.from(frames, (row) => frameAt(profile, row)),
      samples.value[i],
      samples.count[i],
    ];
  });
}

Deno.test("sliceProfile() keeps each sample as it was, in one of two parts", () => {
  fc.assert(fc.property(anyProfile, fc.nat({ max: 12 }), (profile, at) => {
    const parts = [sliceProfile(profile, 0, at), sliceProfile(profile, at, Infinity)];
    assertEquals(parts.flatMap(rows), rows(profile));
    for (const part of parts) {
      assertEquals(part.strings[0], "");
      assert(stackCount(part) <= part.samples.kind.length);
      assert(part.series.pid.length <= part.samples.kind.length);
      assert(part.frames.line.length <= part.stacks.frame.length);
    }
  }));
});
